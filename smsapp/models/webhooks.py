"""Callers' addresses that hear what became of their events, and what they are told."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer, String, Uuid, false
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, partial_index


class WebhookState(StrEnum):
    """How far the telling of one thing got."""

    PENDING = "pending"  # to be sent at due_at; while it is sent, that is when the lease lapses
    TAKEN = "taken"  # the endpoint answered 2xx
    DEAD = "dead"  # nobody took it for three days; it can be replayed


class DisabledBecause(StrEnum):
    """Why an endpoint hears nothing."""

    ASKED = "asked"
    FAILING = "failing"  # it took nothing for a day, or answered that it is gone


class WebhookEndpoint(Base):
    """A caller's address. Its secret is nowhere: it is derived (webhooks/secrets.py)."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        CheckConstraint("(disabled_at IS NULL) = (disabled_because IS NULL)", name="disabled"),
        CheckConstraint("generation >= 1", name="generation"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    url: Mapped[str] = mapped_column(String(500))
    # What it wants to hear, each with a space before and after it; null for all there is.
    types: Mapped[str | None] = mapped_column(String(1000))
    # Whether it wants the words of message.received too.
    wants_bodies: Mapped[bool] = mapped_column(server_default=false())
    # How often its secret was made anew, and when that was last: for a day, both are signed with.
    generation: Mapped[int] = mapped_column(server_default="1")
    rotated_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]  # since when it has taken nothing
    disabled_at: Mapped[datetime | None]
    disabled_because: Mapped[DisabledBecause | None]
    created_at: Mapped[datetime]


class Webhook(Base):
    """One thing that one endpoint is told. Triggers write them (migrations 0028): see there why.

    It holds what would be lost by the time it is sent; the rest is read from `record` then.
    """

    __tablename__ = "webhook"
    __table_args__ = (
        # What is due at an endpoint, oldest first; and what of it is about the same.
        partial_index("webhook_due", "endpoint_id", "due_at", "id", where="state = 'pending'"),
        partial_index("webhook_record", "record", "endpoint_id", "id", where="state = 'pending'"),
        partial_index("webhook_dead", "endpoint_id", "id", where="state = 'dead'"),
        # What is to be forgotten.
        partial_index("webhook_done", "done_at", where="done_at IS NOT NULL"),
        CheckConstraint("(state = 'pending') = (due_at IS NOT NULL)", name="due"),
        CheckConstraint("(state = 'pending') = (done_at IS NULL)", name="done"),
        CheckConstraint("lease_token IS NULL OR state = 'pending'", name="leased"),
        CheckConstraint("tries >= 0", name="tries"),
    )

    # In the order in which things happened.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    message_id: Mapped[uuid.UUID] = mapped_column(Uuid, unique=True)  # what callers know it by
    endpoint_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook_endpoint.id"))
    type: Mapped[str] = mapped_column(String(40))
    # The key of the row that it is about: a delivery's as 32 hex digits.
    record: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str | None] = mapped_column(String(30))
    error_code: Mapped[int | None]
    occurred_at: Mapped[datetime]
    state: Mapped[WebhookState]
    due_at: Mapped[datetime | None]
    lease_token: Mapped[uuid.UUID | None]
    tries: Mapped[int]
    first_tried_at: Mapped[datetime | None]  # from when on three days count
    # Of the last try: the status, or a word of ours: "timeout", "private_address".
    trouble: Mapped[str | None] = mapped_column(String(20))
    done_at: Mapped[datetime | None]
