"""Codes that Twilio Verify was asked to send."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, Channel, PhoneKey


class Verification(Base):
    """One code that Twilio Verify was asked to send; the code itself is never here."""

    __tablename__ = "verification"
    __table_args__ = (
        # How often a number, and a prefix, asked lately.
        Index("verification_phone", "phone_key", "started_at"),
        Index("verification_prefix", "prefix", "started_at"),
        Index("verification_sid", "verify_sid"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    phone_key: Mapped[str] = mapped_column(PhoneKey, ForeignKey("phone.phone_key"))
    prefix: Mapped[str] = mapped_column(String(8))  # "+44770": country code and three digits
    channel: Mapped[Channel]
    # Null until Twilio has answered. A second code has the SID of the first.
    verify_sid: Mapped[str | None] = mapped_column(String(34))
    checks: Mapped[int]
    started_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]
