"""What Twilio reported of an attempt."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base


class ReceiptSource(StrEnum):
    """How a status came to us."""

    RECEIPT = "receipt"
    LOOK_UP = "look_up"  # we asked


class Ignored(StrEnum):
    """Why a receipt moved nothing and is not among an attempt's receipts."""

    REPEATED = "repeated"  # the same had come before
    OTHER_MESSAGE = "other_message"  # its SID is not the attempt's
    OTHER_ACCOUNT = "other_account"


class Receipt(Base):
    """A status Twilio reported for an attempt, once, however often it was posted."""

    __tablename__ = "receipt"

    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempt.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(20), primary_key=True)
    error_code: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 0: none
    source: Mapped[ReceiptSource] = mapped_column(server_default=ReceiptSource.RECEIPT.value)
    received_at: Mapped[datetime]


class RejectedReceipt(Base):
    """A receipt that was not believed, or came before; kept to show to whoever asks."""

    __tablename__ = "ignored_receipt"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempt.id"), index=True)
    why: Mapped[Ignored]
    sid: Mapped[str | None] = mapped_column(String(34))  # null: the attempt's
    status: Mapped[str] = mapped_column(String(20))
    error_code: Mapped[int]  # 0: none
    received_at: Mapped[datetime]
