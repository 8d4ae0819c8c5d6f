"""Deliveries, which are the outbox, their attempts, and the receipts of these."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, Channel, PhoneKey, partial_index

# What nothing more is done about, and what still holds its body. Written as the index has it, so
# that both databases see that it serves. A text that was sent and never heard of again counts
# once nobody asks about it any more.
BODY_MAY_GO = text(
    "blanked_at IS NULL AND (state IN ('delivered', 'read', 'undelivered', 'failed',"
    " 'suppressed', 'canceled', 'expired') OR (state = 'sent' AND check_at IS NULL))"
)


class DeliveryState(StrEnum):
    """Where a delivery is in its life."""

    # docs/architecture.md draws it, states.py moves it.

    PENDING = "pending"  # waits for a sender until due_at
    SENDING = "sending"  # a sender holds its lease
    UNKNOWN = "unknown"  # the call's outcome is not known; never repeated blindly
    SENT = "sent"  # Twilio took it
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    READ = "read"
    SUPPRESSED = "suppressed"  # not sent, because of consent or opt-out
    CANCELED = "canceled"  # not sent, because an operator or the caller said so
    EXPIRED = "expired"  # not sent, because it came too late to matter


class AttemptState(StrEnum):
    """How far one call got."""

    # Receipts move it forward by rank only.

    SENDING = "sending"
    UNKNOWN = "unknown"
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    READ = "read"


class Reason(StrEnum):
    """Why a delivery was suppressed or canceled, or has failed."""

    OPTED_OUT = "opted_out"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    NOT_ALLOWED = "recipient_not_allowed"
    REJECTED = "rejected"
    ATTEMPTS_SPENT = "attempts_spent"
    NO_CONSENT = "no_consent"  # neither the ledger nor the event knows of any
    SUPERSEDED = "superseded"  # a later event made it pointless before it left
    NOT_WANTED = "not_wanted"  # the shop's settings say that none is sent
    NO_CHANNEL = "no_channel"  # none of its route reaches them


class AttemptSource(StrEnum):
    """Who made the call."""

    REQUEST = "request"
    WORKER = "worker"


class CallOutcome(StrEnum):
    """What a call itself came to; unlike an attempt's state, no receipt changes it."""

    ACCEPTED = "accepted"  # Twilio took the text
    REFUSED = "refused"  # Twilio answered that it did not
    UNWRITTEN = "unwritten"  # nothing left this machine
    UNKNOWN = "unknown"


class ReceiptSource(StrEnum):
    """How a status came to us."""

    RECEIPT = "receipt"
    LOOK_UP = "look_up"  # we asked


class Ignored(StrEnum):
    """Why a receipt moved nothing and is not among an attempt's receipts."""

    REPEATED = "repeated"  # the same had come before
    OTHER_MESSAGE = "other_message"  # its SID is not the attempt's
    OTHER_ACCOUNT = "other_account"


class Delivery(Base):
    """One text to one recipient for one event. The pending ones are the outbox."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("kind", "event_id", name="delivery_event_key"),
        # The worker's query: what is due, oldest first.
        partial_index("delivery_due", "due_at", where="state = 'pending'"),
        # Leases that have lapsed.
        partial_index("delivery_leased", "lease_until", where="state = 'sending'"),
        # Whose fate has to be looked up at Twilio.
        partial_index("delivery_check", "check_at", where="check_at IS NOT NULL"),
        # Whose bodies are to be blanked, oldest first.
        partial_index("delivery_body", "state_at", where=BODY_MAY_GO),
        # What nobody knows the fate of, oldest first.
        partial_index("delivery_unknown", "state_at", where="state = 'unknown'"),
        # The last failures.
        partial_index("delivery_failed", "state_at", where="state IN ('failed', 'undelivered')"),
        # What a number is owed, and how many texts it got since midnight.
        Index("delivery_phone", "phone_key", "last_attempt_at"),
        # What went out about a subject, newest first.
        Index("delivery_subject", "subject", "id"),
        CheckConstraint("(state = 'sending') = (lease_token IS NOT NULL)", name="leased"),
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease_whole"),
        CheckConstraint("(state = 'pending') = (due_at IS NOT NULL)", name="due"),
        CheckConstraint("tries >= 0", name="tries"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    event_id: Mapped[str] = mapped_column(String(120))
    content_hash: Mapped[str] = mapped_column(String(64))
    phone_key: Mapped[str] = mapped_column(PhoneKey, ForeignKey("phone.phone_key"))
    purpose: Mapped[str] = mapped_column(String(40))
    channel: Mapped[Channel] = mapped_column(server_default=Channel.SMS.value)
    # The channels to be tried after it, in their order, with commas between; null for none.
    route: Mapped[str | None] = mapped_column(String(40))
    # The language of its words, BCP 47; null for English.
    locale: Mapped[str | None] = mapped_column(String(100))
    # What the event is about: an order, say. Nullable, and beside it order_id, which is the same,
    # for as long as older code may run beside this one: that knows order_id alone.
    subject: Mapped[str] = mapped_column(String(80), nullable=True)
    order_id: Mapped[str] = mapped_column(String(80))
    body: Mapped[str] = mapped_column(Text)
    # What the service wants to be told of it again; theirs, and blanked with the body.
    metadata_: Mapped[dict[str, str] | None] = mapped_column("metadata", JSON(none_as_null=True))
    # What fills the gaps of a template in place of the body; goes when the body goes.
    variables: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    consent_at: Mapped[datetime | None]  # when the service says that they agreed, if it does
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_key.id"))
    state: Mapped[DeliveryState]
    state_at: Mapped[datetime]
    reason: Mapped[Reason | None]
    # The name of the API key, where a service canceled it.
    canceled_by: Mapped[str | None] = mapped_column(String(80))
    error_code: Mapped[int | None]  # Twilio's
    tries: Mapped[int]  # attempts spent of the allowance; not all of them count
    undelivered: Mapped[int]  # attempts that Twilio took and the carrier could not deliver
    due_at: Mapped[datetime | None]
    # Whether quiet hours put it off, and by whose clock: the zone that the event named, or null
    # for those that the number may be in.
    waits_for_morning: Mapped[bool] = mapped_column(server_default=false())
    time_zone: Mapped[str | None] = mapped_column(String(64))
    expires_at: Mapped[datetime]  # from then on it would come too late to matter
    lease_token: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    # When to ask Twilio: what is unknown, soon; what was sent and never heard of again, later.
    check_at: Mapped[datetime | None]
    # When Twilio first said that it has no such message.
    absent_since: Mapped[datetime | None]
    blanked_at: Mapped[datetime | None]  # from then on there is no body
    created_at: Mapped[datetime]


class BodyAtTwilio(Base):
    """A message that was blanked here and is still to be blanked at Twilio.

    Or a file of one, "ME…", that is still to be deleted there.
    """

    __tablename__ = "body_at_twilio"
    __table_args__ = (Index("body_at_twilio_ask", "ask_at"),)

    sid: Mapped[str] = mapped_column(String(34), primary_key=True)
    of_message: Mapped[str | None] = mapped_column(String(34))  # the message that a file is of
    ask_at: Mapped[datetime]  # when to ask Twilio, again after a failure
    tries: Mapped[int] = mapped_column(server_default="0")


class Attempt(Base):
    """One call to Twilio, written before it is made."""

    __tablename__ = "attempt"
    __table_args__ = (UniqueConstraint("delivery_id", "number", name="attempt_number_key"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delivery.id"))
    number: Mapped[int]
    source: Mapped[AttemptSource]
    channel: Mapped[Channel] = mapped_column(server_default=Channel.SMS.value)
    state: Mapped[AttemptState]
    sid: Mapped[str | None] = mapped_column(String(34), unique=True)
    error_code: Mapped[int | None]
    outcome: Mapped[CallOutcome | None]
    # A word of ours where Twilio gave no code: "timeout", "reset", "lease", "http_429".
    trouble: Mapped[str | None] = mapped_column(String(20))
    segments: Mapped[int | None]
    template: Mapped[str | None] = mapped_column(String(34))  # what it was sent by, "HX…"
    # Whether the SID was found by the text and not told: a receipt that says otherwise is right.
    is_inferred: Mapped[bool] = mapped_column(server_default=false())
    started_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


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
