"""Batches: many events handed in at once, row by row, until each is a delivery."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, PhoneKey, partial_index

FIELDS_ARE_HERE = text("fields IS NOT NULL")


class BatchState(StrEnum):
    """Where a batch is in its life."""

    CHECKING = "checking"  # its rows are being judged
    READY = "ready"  # nothing leaves before somebody starts it
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"  # each of its rows is a delivery that has left, or has a reason not to be one
    CANCELED = "canceled"


class RowState(StrEnum):
    """What a row of a batch has come to."""

    WAITING = "waiting"
    ACCEPTED = "accepted"  # it is a delivery
    DUPLICATE = "duplicate"  # its event came before: nobody is texted again
    REUSED = "reused"  # its event id came before with other content
    REPEATED = "repeated"  # another row of the file says the same to the same number
    GONE = "gone"  # its number was erased or forgotten meanwhile
    FAULTY = "faulty"


class BatchAct(StrEnum):
    """What somebody did to a batch."""

    HANDED_IN = "handed_in"
    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    CANCELED = "canceled"


class Batch(Base):
    """Many events of one kind, handed in at once under a name."""

    __tablename__ = "batch"
    __table_args__ = (
        # Those that the workers have something to do for, the first that was started first.
        partial_index("batch_running", "started_at", where="state = 'running'"),
        # The same file handed in again under another name.
        Index("batch_content", "content_hash", "created_at"),
        CheckConstraint("(purpose IS NULL) = (text IS NULL)", name="announcement_whole"),
        CheckConstraint(
            "state NOT IN ('running', 'paused', 'done') OR started_at IS NOT NULL", name="started"
        ),
        CheckConstraint("(state = 'paused') = (paused_at IS NOT NULL)", name="paused"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    # Of an announcement alone: what people must have agreed to, and the words with their gaps.
    purpose: Mapped[str | None] = mapped_column(String(40))
    text: Mapped[str | None] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[BatchState]
    rows: Mapped[int]
    # What was found when its rows were judged (batches/report.py); it names no number.
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_key.id"))
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operator.id"))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # When the workers look at it next: what is left may be planned, or wait for morning.
    look_at: Mapped[datetime | None]


class BatchRow(Base):
    """One row of a batch. What it says goes as soon as its delivery says it."""

    __tablename__ = "batch_row"
    __table_args__ = (
        # What is to become a delivery next.
        partial_index("batch_row_next", "batch_id", "due_at", "number", where="state = 'waiting'"),
        # Which batch a delivery came in with.
        Index("batch_row_delivery", "delivery_id"),
        # What is kept of a person, who may have it erased.
        partial_index("batch_row_phone", "phone_key", where=FIELDS_ARE_HERE),
        CheckConstraint("(state = 'faulty') = (faults IS NOT NULL)", name="faulty"),
        CheckConstraint("(state = 'waiting') = (due_at IS NOT NULL)", name="due"),
        CheckConstraint("state != 'accepted' OR delivery_id IS NOT NULL", name="accepted"),
    )

    batch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("batch.id"), primary_key=True)
    # As in the file: that of a spreadsheet, where the header is 1, or the line of JSON.
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[str | None] = mapped_column(String(120))
    phone_key: Mapped[str | None] = mapped_column(PhoneKey, ForeignKey("phone.phone_key"))
    state: Mapped[RowState]
    # The event without its number; null once a delivery has what it says, or its time is over.
    fields: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    segments: Mapped[int | None]
    # By column, in words that repeat nothing of what stood there.
    faults: Mapped[dict[str, list[str]] | None] = mapped_column(JSON(none_as_null=True))
    due_at: Mapped[datetime | None]
    delivery_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("delivery.id"))


class BatchDeed(Base):
    """Who did what to a batch; nobody changes a row."""

    __tablename__ = "batch_deed"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("batch.id"), index=True)
    act: Mapped[BatchAct]
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(100))  # “operator anna”, “API key shop”, “command line”
