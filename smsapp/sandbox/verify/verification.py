"""One verification as Verify keeps it, and as Twilio shows it."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from smsapp.sandbox.database import Base
from smsapp.sandbox.message import iso_seconds


class Verification(Base):
    """One code for one number.

    `status` is pending, approved, canceled or max_attempts_reached; it is expired when it
    is still pending at `expires_at`.
    """

    __tablename__ = "verification"
    __table_args__ = (Index("verification_to", "to_number", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sid: Mapped[str] = mapped_column(unique=True)
    service_sid: Mapped[str]
    to_number: Mapped[str]
    channel: Mapped[str]
    code: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending")
    checks: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[float]
    updated_at: Mapped[float]
    expires_at: Mapped[float]

    attempts: Mapped[list["Attempt"]] = relationship(
        primaryjoin="Verification.sid == foreign(Attempt.verification_sid)",
        order_by="Attempt.id",
        lazy="selectin",
        back_populates="verification",
    )

    def pending(self, now: float) -> bool:
        """Return whether its code can still be used."""
        return self.status == "pending" and now < self.expires_at

    def gone(self, now: float) -> bool:
        """Return whether Twilio has deleted it; one that failed or was canceled stays."""
        return self.status == "approved" or (self.status == "pending" and not self.pending(now))

    def as_twilio(self, account_sid: str) -> dict[str, object]:
        """Return the JSON of a verification; dates are ISO 8601, unlike those of Messages."""
        url = f"https://verify.twilio.com/v2/Services/{self.service_sid}/Verifications/{self.sid}"
        return {
            **self._common(account_sid),
            "lookup": {},
            "send_code_attempts": [
                {"time": iso_seconds(a.at), "channel": a.channel.upper(), "attempt_sid": a.sid}
                for a in self.attempts
            ],
            "sna": None,
            "url": url,
        }

    def check_as_twilio(self, account_sid: str) -> dict[str, object]:
        """Return the JSON of a check."""
        return {**self._common(account_sid), "sna_attempts_error_codes": []}

    def _common(self, account_sid: str) -> dict[str, object]:
        return {
            "sid": self.sid,
            "service_sid": self.service_sid,
            "account_sid": account_sid,
            "to": self.to_number,
            "channel": self.channel,
            "status": self.status,
            "valid": self.status == "approved",
            "amount": None,
            "payee": None,
            "date_created": iso_seconds(self.created_at),
            "date_updated": iso_seconds(self.updated_at),
        }


class Attempt(Base):
    """One sending of the code."""

    __tablename__ = "send_code_attempt"

    id: Mapped[int] = mapped_column(primary_key=True)
    sid: Mapped[str]
    verification_sid: Mapped[str] = mapped_column(index=True)
    channel: Mapped[str]
    at: Mapped[float]

    verification: Mapped[Verification] = relationship(
        primaryjoin="Verification.sid == foreign(Attempt.verification_sid)",
        back_populates="attempts",
    )
