"""The errors of Twilio's that the sandbox can give, with Twilio's words."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(eq=False)
class TwilioError(Exception):
    """An answer of the REST protocol that is not a 2xx.

    `code` is Twilio's, `status` is the HTTP status.
    """

    code: int
    message: str
    status: int = 400
    detail: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """Return the JSON body in Twilio's shape; only 20003 has `detail`."""
        body: dict[str, object] = {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        return body | ({"detail": self.detail} if self.detail else {})


@dataclass(frozen=True, slots=True)
class CarrierError:
    """What a carrier says after Twilio's 201: the last status, and why."""

    status: str
    words: str


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
    30022: CarrierError("failed", "US A2P 10DLC rate limits exceeded"),
    30023: CarrierError("failed", "US A2P 10DLC daily message cap reached"),
    30034: CarrierError("undelivered", "Message from an unregistered US A2P 10DLC number"),
    30036: CarrierError("failed", "Validity period expired"),
    30450: CarrierError("failed", "Message blocked: SMS pumping protection"),
}


def not_found(path: str) -> TwilioError:
    """Return what Twilio says about an address that leads nowhere."""
    return TwilioError(20404, f"The requested resource {path} was not found", 404)


def unauthorized() -> TwilioError:
    """Return 20003, whatever was wrong: a guesser learns nothing."""
    return TwilioError(
        20003,
        "Authentication Error - invalid username",
        401,
        detail="Your AccountSid or AuthToken was incorrect.",
        headers={"WWW-Authenticate": 'Basic realm="Twilio API"'},
    )


def opted_out() -> TwilioError:
    """Return 21610: the customer has told this sender to stop."""
    return TwilioError(21610, "Attempt to send to unsubscribed recipient")


def queue_full() -> TwilioError:
    """Return 21611: the sender has all the texts it can hold."""
    return TwilioError(
        21611, "This 'From' number has exceeded the maximum number of queued messages"
    )


# To and From of Twilio's test credentials; they keep their meaning here.
# Source: twilio.com/docs/iam/test-credentials
TEST_RECIPIENTS = {
    "+15005550001": (21211, "The 'To' number {to} is not a valid phone number."),
    "+15005550002": (
        21612,
        "The 'To' phone number: {to}, is not currently reachable using the 'From' phone number: "
        "{sender} via SMS.",
    ),
    "+15005550003": (
        21408,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' "
        "number: {to}.",
    ),
    "+15005550004": (21610, opted_out().message),
    "+15005550009": (21614, "'To' number {to} is not a valid mobile number"),
}
TEST_SENDER = "+15005550006"
TEST_SENDERS = {
    "+15005550001": (21212, "The 'From' number {sender} is not a valid phone number."),
    "+15005550007": (
        21606,
        "The From phone number {sender} is not a valid, SMS-capable inbound phone number or short "
        "code for your account.",
    ),
    "+15005550008": (21611, queue_full().message),
}
