"""The ledger of what people agreed to, the words they were shown, and STOP above it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, PhoneKey, partial_index


class ConsentAction(StrEnum):
    """What a row of the consent ledger says."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


class ConsentSource(StrEnum):
    """Who said so."""

    PAGE = "page"
    API = "api"  # an internal service, with its consentAt
    TEXT = "text"
    OPERATOR = "operator"


class OptOutSource(StrEnum):
    """Which door an opt-out came through."""

    PAGE = "page"
    TEXT = "text"  # STOP
    TWILIO = "twilio"  # 21610, from the answer to a call or from a receipt
    OPERATOR = "operator"


class Wording(Base):
    """The exact words that were shown, kept for as long as a row of the ledger names them."""

    __tablename__ = "wording"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    text: Mapped[str] = mapped_column(Text)


class Consent(Base):
    """The ledger of what a person agreed to; the database refuses UPDATE and DELETE.

    `mac` covers the row and the mac of the phone's row before it, so that a changed, missing or
    inserted row shows.
    """

    __tablename__ = "consent"
    __table_args__ = (CheckConstraint("seq >= 1", name="seq"),)

    phone_key: Mapped[str] = mapped_column(
        PhoneKey, ForeignKey("phone.phone_key"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    purpose: Mapped[str] = mapped_column(String(40))
    action: Mapped[ConsentAction]
    source: Mapped[ConsentSource]
    wording_version: Mapped[str] = mapped_column(String(20))
    wording_hash: Mapped[str] = mapped_column(String(64), ForeignKey("wording.hash"))
    at: Mapped[datetime]  # when it was written
    since: Mapped[datetime]  # when it was said; earlier where a service says so
    verify_sid: Mapped[str | None] = mapped_column(String(34))
    mac: Mapped[str] = mapped_column(String(64))


class ConsentEvidence(Base):
    """From where a row of the ledger was said; apart from it, because it can be erased."""

    __tablename__ = "consent_evidence"
    __table_args__ = (
        ForeignKeyConstraint(["phone_key", "seq"], ["consent.phone_key", "consent.seq"]),
    )

    phone_key: Mapped[str] = mapped_column(PhoneKey, primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(400))


class OptOut(Base):
    """STOP, per phone, above every consent. It holds until lifted_at is set."""

    __tablename__ = "opt_out"
    __table_args__ = (
        partial_index("opt_out_in_force", "phone_key", where="lifted_at IS NULL", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    phone_key: Mapped[str] = mapped_column(PhoneKey, ForeignKey("phone.phone_key"))
    source: Mapped[OptOutSource]
    created_at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
