"""What customers send over WhatsApp: words, presses of a button, pictures, places."""

import json

from smsapp import clock
from smsapp.sandbox import addresses
from smsapp.sandbox.callbacks.callback import insert_inbound
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.message import (
    API_VERSION,
    Extra,
    Message,
    insert_message,
    new_message,
    new_sid,
)
from smsapp.sandbox.whatsapp import windows
from smsapp.sandbox.whatsapp.samples import SAMPLES

# What every customer here has called themselves.
PROFILE_NAME = "Ann"
# Seconds for which Twilio knows what a reply is to.
KNOWN_FOR = 7 * 24 * 3600


def write(desk: Desk, customer: str, body: str) -> Message:
    """Write to the shop from an address of WhatsApp's. STOP is a word like any other here."""
    return _send(desk, _new(desk, customer, body), "text")


def send_sample(desk: Desk, customer: str, name: str) -> Message:
    """Send one of SAMPLES."""
    sample = SAMPLES[name]
    message = _new(desk, customer, sample.body)
    fields = sample.fields
    if sample.file:
        fields = attach(desk, message, name)
    else:
        message.extra = Extra(sid=message.sid, sample=name)
    return _send(desk, message, sample.message_type, fields)


def attach(desk: Desk, message: Message, name: str) -> dict[str, str]:
    """Let a new message have a sample's file; return what the webhook says of it."""
    message.sid, media_sid = new_sid("MM"), new_sid("ME")
    message.extra = Extra(sid=message.sid, sample=name, media_sid=media_sid)
    # The app's client knows that Twilio's host is here, as for all else.
    url = f"https://api.twilio.com{media_path(desk.config.account_sid, message, media_sid)}"
    return {"MediaUrl0": url, "MediaContentType0": SAMPLES[name].content_type}


def press(desk: Desk, pressed: Message, button_id: str) -> Message | None:
    """Press a quick reply under a message of the shop's; None: it has no such button."""
    buttons = {each["id"]: each["title"] for each in pressed.extra.buttons} if pressed.extra else {}
    if button_id not in buttons:
        return None
    title = buttons[button_id]
    message = _new(desk, pressed.customer, title)
    message.extra = Extra(sid=message.sid, replies_to=pressed.sid)
    fields = {
        "ButtonText": title,
        "ButtonPayload": button_id,
        "Forwarded": "false",
        "FrequentlyForwarded": "false",
    }
    if pressed.created_at + KNOWN_FOR > clock.now().timestamp():
        fields["OriginalRepliedMessageSid"] = pressed.sid
        fields["OriginalRepliedMessageSender"] = pressed.from_number or ""
    return _send(desk, message, "interactive", fields)


def media_path(account_sid: str, message: Message, media_sid: str) -> str:
    """Return where a message's picture or voice note is."""
    return f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message.sid}/Media/{media_sid}"


def _new(desk: Desk, customer: str, body: str) -> Message:
    shop, webhook = desk.config.sender_to(customer), desk.config.inbound_webhook
    return new_message("inbound", shop, customer, body, callback_url=webhook)


def _send(
    desk: Desk, message: Message, message_type: str, more: dict[str, str] | None = None
) -> Message:
    fields = _fields(desk, message, message_type) | (more or {})
    with desk.database.write() as db:
        insert_message(db, message)
        windows.open_by(db, message)
        insert_inbound(db, desk, message, fields)
    desk.changed()
    return message


def _fields(desk: Desk, message: Message, message_type: str) -> dict[str, str]:
    """Return the webhook's fields in Twilio's order; unlike a text's they say nothing of places."""
    who = {
        "ProfileName": PROFILE_NAME,
        "WaId": addresses.number(message.customer).removeprefix("+"),
    }
    metadata = {"type": "whatsapp", "data": {"context": who}}
    return {
        "SmsMessageSid": message.sid,
        "NumMedia": "1" if message.media_sid else "0",
        "ProfileName": who["ProfileName"],
        "MessageType": message_type,
        "SmsSid": message.sid,
        "WaId": who["WaId"],
        "SmsStatus": "received",
        "Body": message.body,
        "To": message.to_number,
        "NumSegments": "1",
        "ReferralNumMedia": "0",
        "MessageSid": message.sid,
        "AccountSid": desk.config.account_sid,
        "ChannelMetadata": json.dumps(metadata, separators=(",", ":")),
        "From": message.customer,
        "ApiVersion": API_VERSION,
    }
