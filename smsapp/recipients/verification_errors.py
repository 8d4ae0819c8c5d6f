"""What to tell a caller where Twilio Verify did not do as asked, in one error for each cause."""

import logging
from collections.abc import Mapping

from smsapp.errors import (
    DestinationBlocked,
    InvalidRequest,
    Landline,
    ProviderUnavailable,
    RateLimited,
    SmsappError,
    VerifyNotConfigured,
)
from smsapp.providers.outcomes import Failure, Refused, Unknown
from smsapp.providers.verify import Checked

log = logging.getLogger(__name__)

TOO_MANY_CHECKS = "Too many wrong codes. Ask for a new code."


def of(outcome: Failure | Checked, extra: Mapping[str, str]) -> SmsappError:
    """Return the error for an outcome, and log it.

    Args:
        outcome: What the call came to, other than success.
        extra: Fields for the log line.
    """
    code = outcome.code if isinstance(outcome, Refused | Unknown) else None
    log.warning("verification refused", extra={**extra, "twilio_code": code})
    match outcome:
        case Refused(code=60205):
            return Landline()
        case Refused(code=60410 | 60605 | 60238):
            return DestinationBlocked()
        case Refused(code=60200):
            fields = {"phone": ["Twilio knows no such number."]}
            return InvalidRequest(extra={"details": {"formErrors": [], "fieldErrors": fields}})
        case Refused(code=60202, retry_after=wait):
            return RateLimited(TOO_MANY_CHECKS, retry_after=int(wait or 600))
        case Refused(code=60203, retry_after=wait):
            return RateLimited("Too many codes to this number.", retry_after=int(wait or 600))
        case Refused(http_status=429, retry_after=wait):
            return RateLimited(retry_after=int(wait or 30))
        case Refused(code=20404):
            log.error("Twilio knows no Verify Service with TWILIO_VERIFY_SERVICE_SID")
            return VerifyNotConfigured()
        case Refused(http_status=401 | 403):
            log.error("Twilio Verify refuses our credentials", extra={"twilio_code": code})
            return ProviderUnavailable(retry_after=60)
        case _:
            return ProviderUnavailable(retry_after=30)
