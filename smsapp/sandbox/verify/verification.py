"""One verification as Verify keeps it, and as Twilio shows it."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

# Seconds that a code is good for, however often it is sent.
LIFETIME = 600
MAX_SENDS = MAX_CHECKS = 5
CODE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Verification:
    """A row of `verification`, column for column.

    `status` is pending, approved, canceled or max_attempts_reached; it is expired when it
    is still pending at `expires_at`.
    """

    id: int
    sid: str
    service_sid: str
    to_number: str
    channel: str
    code: str
    status: str
    checks: int
    created_at: float
    updated_at: float
    expires_at: float

    def pending(self, now: float) -> bool:
        """Return whether its code can still be used."""
        return self.status == "pending" and now < self.expires_at

    def gone(self, now: float) -> bool:
        """Return whether Twilio has deleted it; one that failed or was canceled stays."""
        return self.status == "approved" or (self.status == "pending" and not self.pending(now))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of the code."""

    sid: str
    channel: str
    at: float


def as_twilio(v: Verification, attempts: list[Attempt], account_sid: str) -> dict[str, object]:
    """Return the JSON of a verification; dates are ISO 8601, unlike those of Messages."""
    return {
        **_common(v, account_sid),
        "lookup": {},
        "send_code_attempts": [
            {"time": iso_seconds(a.at), "channel": a.channel.upper(), "attempt_sid": a.sid}
            for a in attempts
        ],
        "sna": None,
        "url": f"https://verify.twilio.com/v2/Services/{v.service_sid}/Verifications/{v.sid}",
    }


def check_as_twilio(v: Verification, account_sid: str) -> dict[str, object]:
    """Return the JSON of a check."""
    return {**_common(v, account_sid), "sna_attempts_error_codes": []}


def new_code() -> str:
    """Return six digits."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def iso_seconds(at: float) -> str:
    """Return "2015-07-30T20:00:00Z"."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _common(v: Verification, account_sid: str) -> dict[str, object]:
    return {
        "sid": v.sid,
        "service_sid": v.service_sid,
        "account_sid": account_sid,
        "to": v.to_number,
        "channel": v.channel,
        "status": v.status,
        "valid": v.status == "approved",
        "amount": None,
        "payee": None,
        "date_created": iso_seconds(v.created_at),
        "date_updated": iso_seconds(v.updated_at),
    }
