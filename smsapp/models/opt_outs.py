"""STOP, per phone."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, PhoneKey


class OptOutSource(StrEnum):
    """Which door an opt-out came through."""

    PAGE = "page"
    TEXT = "text"  # STOP
    TWILIO = "twilio"  # 21610, from the answer to a call or from a receipt
    OPERATOR = "operator"


class OptOut(Base):
    """STOP, per phone, above every consent. It holds until lifted_at is set."""

    __tablename__ = "opt_out"
    __table_args__ = (
        Index(
            "opt_out_in_force",
            "phone_key",
            unique=True,
            postgresql_where=text("lifted_at IS NULL"),
            sqlite_where=text("lifted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    phone_key: Mapped[str] = mapped_column(PhoneKey, ForeignKey("phone.phone_key"))
    source: Mapped[OptOutSource]
    created_at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
