"""The errors of Twilio's that the sandbox can give, with Twilio's words."""

from dataclasses import dataclass

# Code: HTTP status, words.
_ERRORS = {
    20001: (400, "{name} must be a whole number"),
    20003: (401, "Authentication Error - invalid username"),
    20006: (400, "Page number out of range"),
    20009: (409, "Cannot delete this resource before it is complete"),
    20404: (404, "The requested resource {path} was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    20503: (503, "Service is unavailable. Please try again."),
    21201: (400, "No 'To' number is specified"),
    21205: (400, "Url is not a valid URL: {url}"),
    21210: (
        400,
        "The source phone number provided, {sender}, is not yet verified for your account.",
    ),
    21211: (400, "The 'To' number {to} is not a valid phone number."),
    21212: (400, "The 'From' number {sender} is not a valid phone number."),
    21213: (400, "No 'From' number is specified"),
    21214: (400, "'To' phone number cannot be reached"),
    21215: (400, "Account not allowed to call {to}"),
    21216: (400, "Account not allowed to call {to}"),
    21217: (400, "Phone number does not appear to be valid"),
    21220: (400, "Call is not in-progress. Cannot redirect."),
    21408: (
        400,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' "
        "number: {to}.",
    ),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (
        400,
        "The From phone number {sender} is not a valid, SMS-capable inbound phone number or short "
        "code for your account.",
    ),
    21609: (400, "The 'StatusCallback' URL {url} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (
        400,
        "The 'To' phone number: {to}, is not currently reachable using the 'From' phone number: "
        "{sender} via SMS.",
    ),
    21614: (400, "'To' number {to} is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the {limit} character limit"),
    21655: (400, "The ContentSid is Invalid"),
    21656: (400, "The ContentVariables Parameter is invalid"),
    21701: (400, "The Messaging Service {sid} does not exist"),
    21910: (400, "Invalid From and To pair. From and To should be of the same channel"),
    60200: (400, "Invalid parameter `{parameter}`: {value}"),
    60202: (429, "Max check attempts reached"),
    60203: (429, "Max send attempts reached"),
    60205: (403, "SMS is not supported by landline phone number"),
    60217: (400, "No Mailer is associated with this Service"),
    60221: (400, "Either 'To' or 'VerificationSid' must be specified"),
    60223: (400, "Delivery channel disabled: {channel}"),
    60410: (
        403,
        "The destination phone number has been temporarily blocked by Twilio due to fraudulent "
        "activities",
    ),
    60605: (
        403,
        "Verification delivery attempt blocked. The destination country is not enabled in Verify "
        "Geo Permissions",
    ),
    63007: (400, "Twilio could not find a Channel with the specified From address"),
    63031: (400, "Channels message cannot have same From and To"),
    92005: (400, "ContentSid Required"),
}
# Whatever was wrong with a sign-in: a guesser learns nothing.
_DETAIL = {20003: {"detail": "Your AccountSid or AuthToken was incorrect."}}
_HEADERS = {
    20003: {"WWW-Authenticate": 'Basic realm="Twilio API"'},
    20429: {"Retry-After": "1"},  # seconds, as Twilio suggests one to come back
}


class TwilioError(Exception):
    """An answer of the REST protocol that is not a 2xx.

    `code` is Twilio's, `status` is the HTTP status; `fields` are put into the words.
    """

    def __init__(self, code: int, words: str | None = None, **fields: object) -> None:
        self.code = code
        self.status, usual = _ERRORS[code]
        self.headers = _HEADERS.get(code, {})
        # Of a parameter without a value only its name is said.
        self.message = (words or usual).format(**fields).rstrip(": ")

    def body(self) -> dict[str, object]:
        """Return the JSON body in Twilio's shape; only 20003 has `detail`."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
            **_DETAIL.get(self.code, {}),
        }


@dataclass(frozen=True, slots=True)
class CarrierError:
    """What a carrier says after Twilio's 201: the last status, and why.

    `of_channel` is what a channel's own provider says beside it, if anything.
    """

    status: str
    words: str
    of_channel: str = ""


CARRIER_ERRORS = {
    21610: CarrierError("failed", "Attempt to send to unsubscribed recipient"),
    30001: CarrierError("failed", "Queue overflow"),
    30002: CarrierError("failed", "Account suspended"),
    30003: CarrierError("undelivered", "Unreachable destination handset"),
    30004: CarrierError("undelivered", "Message blocked"),
    30005: CarrierError("undelivered", "Unknown destination handset"),
    30006: CarrierError("undelivered", "Landline or unreachable carrier"),
    30007: CarrierError("failed", "Message filtered"),
    30008: CarrierError("undelivered", "Unknown error"),
    30017: CarrierError("failed", "Carrier network congestion"),
    30022: CarrierError("failed", "US A2P 10DLC rate limits exceeded"),
    30023: CarrierError("failed", "US A2P 10DLC daily message cap reached"),
    30032: CarrierError("undelivered", "Toll-free number has not been verified"),
    30034: CarrierError("undelivered", "Message from an unregistered US A2P 10DLC number"),
    30036: CarrierError("failed", "Validity period expired"),
    30410: CarrierError("failed", "Provider timeout error"),
    30450: CarrierError("failed", "Message blocked: SMS pumping protection"),
    30500: CarrierError("failed", "Twilio internal error"),
}
WHATSAPP_ERRORS = {
    63003: CarrierError("failed", "Channel could not find To address"),
    63009: CarrierError("failed", "Channel provider returned an internal service error"),
    63013: CarrierError("undelivered", "Channel policy violation"),
    63014: CarrierError("undelivered", "Channel message blocked by user action"),
    63016: CarrierError(
        "undelivered",
        "Failed to send freeform message because you are outside the allowed window. If you are "
        "using WhatsApp, please use a Message Template.",
        "Failed to send freeform message because you are outside the allowed window.",
    ),
    63018: CarrierError("failed", "Rate limit exceeded for Channel"),
    63021: CarrierError("failed", "Channel invalid content error"),
    63024: CarrierError("failed", "Invalid message recipient", "Message undeliverable"),
    63027: CarrierError("failed", "Template does not exist for a language and locale"),
    63028: CarrierError(
        "failed",
        "Number of parameters provided does not match the expected number of parameters",
    ),
    63032: CarrierError(
        "undelivered",
        "We cannot send this message to this user because of a WhatsApp limitation.",
    ),
    63041: CarrierError("failed", "Template paused"),
    63042: CarrierError("failed", "Template disabled"),
    63049: CarrierError("undelivered", "Meta chose not to deliver this WhatsApp marketing message"),
}
ERRORS_BY_CODE = CARRIER_ERRORS | WHATSAPP_ERRORS

# To and From of Twilio's test credentials; they keep their meaning here.
# Source: twilio.com/docs/iam/test-credentials
TEST_RECIPIENTS = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
TEST_SENDER = "+15005550006"
# Of a call they mean something else.
CALL_TEST_RECIPIENTS = {
    "+15005550001": 21217,
    "+15005550002": 21214,
    "+15005550003": 21215,
    "+15005550004": 21216,
}
TEST_SENDERS = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
# Verify has no test numbers; here those of Messages keep their meaning.
VERIFY_TEST_NUMBERS = {
    "+15005550001": 60200,
    "+15005550002": 60410,
    "+15005550003": 60605,
    "+15005550008": 60203,
    "+15005550009": 60205,
}
