"""What is posted about a WhatsApp message, fields in Twilio's order."""

from smsapp.sandbox import addresses
from smsapp.sandbox.errors import ERRORS_BY_CODE
from smsapp.sandbox.message import API_VERSION, Message

# The same at every start: there is one sender.
SENDER_SID = "XE" + "0" * 32
_EVENTS = ("delivered", "read", "undelivered")


def status_fields(message: Message, account_sid: str) -> dict[str, str]:
    """Return a status callback's fields."""
    fields = {
        "SmsSid": message.sid,
        "SmsStatus": message.status,
        "MessageStatus": message.status,
        # Masked, as Twilio does it: no key to anything.
        "ChannelToAddress": f"{addresses.number(message.to_number)[:-4]}XXXX",
        "To": message.to_number,
        "ChannelPrefix": message.channel,
        "MessageSid": message.sid,
        "AccountSid": account_sid,
        "From": message.from_number or "",
        "ApiVersion": API_VERSION,
        "ChannelInstallSid": SENDER_SID,
    }
    if message.status == "sent":
        fields["StructuredMessage"] = "false"
    if message.status in _EVENTS:
        fields["EventType"] = message.status.upper()
    if message.error_code:
        fields["ErrorCode"] = str(message.error_code)
        if said := ERRORS_BY_CODE[message.error_code].of_channel:
            fields["ChannelStatusMessage"] = said
    return fields
