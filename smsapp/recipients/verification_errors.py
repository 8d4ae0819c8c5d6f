"""What to tell a caller where Twilio Verify did not do as asked, in one error for each cause."""

import logging
from collections.abc import Mapping

from smsapp import tally
from smsapp.errors import (
    DestinationBlocked,
    InvalidRequest,
    Landline,
    ProviderUnavailable,
    RateLimited,
    SmsappError,
    VerifyMisconfigured,
    VerifyNotConfigured,
)
from smsapp.models import Channel
from smsapp.providers.outcomes import Failure, Refused, Unknown
from smsapp.providers.verify import Checked

log = logging.getLogger(__name__)

TOO_MANY_CHECKS = "Too many wrong codes. Ask for a new code."


# They know no such number, in words of Verify and of what Twilio has beneath it.
NO_SUCH_NUMBER = frozenset({21211, 21214, 21217, 21614, 60006, 60033, 60436})
# Of a value that Verify does not accept: whose it is. A channel is not: the service's settings say
# which it has.
_THEIRS = {
    "To": ("phone", "Twilio knows no such number."),
    "Locale": ("locale", "Twilio Verify does not know this language."),
    "Code": ("code", "This is no code of Twilio Verify's."),
}
# The same of an e-mail address.
_ADDRESS = ("email", "Twilio Verify takes no such address.")


def of(outcome: Failure | Checked, extra: Mapping[str, str], channel: Channel) -> SmsappError:
    """Return the error for an outcome, and log it.

    What will be refused again until somebody changes a setting is an error in the log, and doctor
    tells it; only what may pass by itself says when to try again.

    Args:
        outcome: What the call came to, other than success.
        extra: Fields for the log line.
        channel: Which way the code goes, which says what it is sent to.
    """
    code = outcome.code if isinstance(outcome, Refused | Unknown) else None
    is_address = channel is Channel.EMAIL
    log.warning("verification refused", extra={**extra, "twilio_code": code})
    match outcome:
        case Refused(code=60205):
            return Landline()
        case Refused(code=60410 | 60605 | 60238):
            return DestinationBlocked()
        case Refused(code=60200, parameter=parameter) if parameter != "Channel":
            theirs = _THEIRS[parameter or "To"]
            return _invalid(*(_ADDRESS if is_address and parameter in {"To", None} else theirs))
        case Refused(code=number) if number in NO_SUCH_NUMBER:
            return _invalid(*_THEIRS["To"])
        case Refused(code=60202, retry_after=wait):
            return RateLimited(TOO_MANY_CHECKS, retry_after=int(wait or 600))
        case Refused(code=60203, retry_after=wait):
            return RateLimited("Too many codes to this number.", retry_after=int(wait or 600))
        case Refused(http_status=429, retry_after=wait):
            return RateLimited(retry_after=int(wait or 30))
        case Refused(code=20404):
            _tell(20404)
            return VerifyNotConfigured()
        case Refused(http_status=status):
            _tell(code or status)
            return VerifyMisconfigured()
        case _:
            return ProviderUnavailable(retry_after=30)


def _invalid(field: str, fault: str) -> InvalidRequest:
    return InvalidRequest(extra={"details": {"formErrors": [], "fieldErrors": {field: [fault]}}})


def _tell(code: int) -> None:
    """Say in the log and to doctor that codes are refused for a setting of ours."""
    log.error(
        "Twilio Verify refuses codes for a setting of ours; flask doctor says which",
        extra={"twilio_code": code},
    )
    tally.note(f"{tally.VERIFY}{code}")
