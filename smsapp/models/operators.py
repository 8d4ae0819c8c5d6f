"""Who works in the console, and what they did."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, PhoneKey


class Role(StrEnum):
    """What somebody who works in the console may do."""

    SUPPORT = "support"  # look
    OPERATOR = "operator"  # look and act


class Act(StrEnum):
    """What somebody did in the console."""

    SHOWN = "number_shown"
    SENT_AGAIN = "sent_again"
    CANCELED = "canceled"
    OPTED_OUT = "opted_out"
    ANSWERED = "answered"
    ON_CALL = "on_call"  # who is on call, or when, was changed
    FETCHED = "media_fetched"


class Operator(Base):
    """Somebody who may sign in to the console; of the password only its hash is kept."""

    __tablename__ = "operator"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    role: Mapped[Role]
    password_hash: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class OperatorSession(Base):
    """Somebody signed in to the console, in one browser. A row, so that it can be ended."""

    __tablename__ = "operator_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    began_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class Audit(Base):
    """What was done in the console, by whom, to what; the database refuses UPDATE and DELETE."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    act: Mapped[Act]
    phone_key: Mapped[str] = mapped_column(PhoneKey, ForeignKey("phone.phone_key"))
    delivery_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("delivery.id"), index=True)
    why: Mapped[str | None] = mapped_column(String(200))
