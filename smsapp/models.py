"""The whole schema: columns, constraints, indexes; no behaviour.

A phone number stands in one table, `phone`. Everything else holds its key, so that a person
can be erased by nulling one field while opt-outs and counts survive.
"""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.extensions import Base

PhoneKey = String(64)

# What nothing more is done about, and what still holds its body. Written as the index has it, so
# that both databases see that it serves. A text that was sent and never heard of again counts
# once nobody asks about it any more.
BODY_MAY_GO = text(
    "blanked_at IS NULL AND (state IN ('delivered', 'read', 'undelivered', 'failed',"
    " 'suppressed', 'canceled', 'expired') OR (state = 'sent' AND check_at IS NULL))"
)
BODY_IS_HERE = text("blanked_at IS NULL")
NUMBER_IS_HERE = text("e164 IS NOT NULL")


class DeliveryState(StrEnum):
    """Where a delivery is in its life; docs/architecture.md draws it, states.py moves it."""

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
    """How far one call got; receipts move it forward by rank only."""

    SENDING = "sending"
    UNKNOWN = "unknown"
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    READ = "read"


class Reason(StrEnum):
    """Why a delivery was suppressed or has failed."""

    OPTED_OUT = "opted_out"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    NOT_ALLOWED = "recipient_not_allowed"
    REJECTED = "rejected"
    ATTEMPTS_SPENT = "attempts_spent"


class OptOutSource(StrEnum):
    """Which door an opt-out came through."""

    PAGE = "page"
    TEXT = "text"  # STOP
    TWILIO = "twilio"  # 21610, from the answer to a call or from a receipt
    OPERATOR = "operator"


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


class Channel(StrEnum):
    """How a verification code is sent."""

    SMS = "sms"
    CALL = "call"


class AttemptSource(StrEnum):
    """Who made the call."""

    REQUEST = "request"
    WORKER = "worker"


class ReceiptSource(StrEnum):
    """How a status came to us."""

    RECEIPT = "receipt"
    LOOK_UP = "look_up"  # we asked


class CallOutcome(StrEnum):
    """What a call itself came to; unlike an attempt's state, no receipt changes it."""

    ACCEPTED = "accepted"  # Twilio took the text
    REFUSED = "refused"  # Twilio answered that it did not
    UNWRITTEN = "unwritten"  # nothing left this machine
    UNKNOWN = "unknown"


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


class Ignored(StrEnum):
    """Why a receipt moved nothing and is not among an attempt's receipts."""

    REPEATED = "repeated"  # the same had come before
    OTHER_MESSAGE = "other_message"  # its SID is not the attempt's
    OTHER_ACCOUNT = "other_account"


class Phone(Base):
    """The only place of a number. e164 is null once it was forgotten or its person erased."""

    __tablename__ = "phone"
    __table_args__ = (
        # Numbers that may have gone unused for long, the longest first.
        Index(
            "phone_idle", "used_at", postgresql_where=NUMBER_IS_HERE, sqlite_where=NUMBER_IS_HERE
        ),
    )

    phone_key: Mapped[str] = mapped_column(PhoneKey, primary_key=True)
    # Unique: under a changed PHONE_KEY a known number would get a second key and lose its
    # opt-out. As it is, no second row is written, and what refers to it is refused.
    e164: Mapped[str | None] = mapped_column(String(16), unique=True)
    country: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    # From then on a service's consentAt counts no more: only the customer's own grant does.
    erased_at: Mapped[datetime | None]
    # Customer sessions begun before then have ended.
    sessions_since: Mapped[datetime | None]
    # When it was last used as far as anybody has looked (retention/numbers.py): never too late.
    used_at: Mapped[datetime] = mapped_column(server_default="1970-01-01 00:00:00.000000")
    # When the number was forgotten because nobody had used it; once it is used it is known again.
    forgotten_at: Mapped[datetime | None]
    # Rows in the consent ledger, so that a missing last one shows too.
    consents: Mapped[int] = mapped_column(server_default="0")


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


class Inbound(Base):
    """A text that somebody sent us, kept for support."""

    __tablename__ = "inbound"
    __table_args__ = (
        Index("inbound_phone", "phone_key", "received_at"),
        # Whose bodies are to be blanked, oldest first.
        Index(
            "inbound_body", "received_at", postgresql_where=BODY_IS_HERE, sqlite_where=BODY_IS_HERE
        ),
        # The inbox, newest first.
        Index("inbound_newest", "received_at", "sid"),
    )

    sid: Mapped[str] = mapped_column(String(34), primary_key=True)
    phone_key: Mapped[str] = mapped_column(PhoneKey, ForeignKey("phone.phone_key"))
    body: Mapped[str] = mapped_column(Text)
    keyword: Mapped[str | None] = mapped_column(String(10))  # stop, start, help
    received_at: Mapped[datetime]
    blanked_at: Mapped[datetime | None]  # from then on there is no body


class InboundList(Base):
    """How far Twilio's list of the texts to a sender of ours has been gone through."""

    __tablename__ = "inbound_list"

    sender: Mapped[str] = mapped_column(String(40), primary_key=True)
    complete_until: Mapped[datetime]  # whatever came in before then is known
    look_at: Mapped[datetime]  # when to go through it next


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


class Delivery(Base):
    """One text to one recipient for one event. The pending ones are the outbox."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("kind", "event_id", name="delivery_event_key"),
        # The worker's query: what is due, oldest first.
        Index(
            "delivery_due",
            "due_at",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
        # Leases that have lapsed.
        Index(
            "delivery_leased",
            "lease_until",
            postgresql_where=text("state = 'sending'"),
            sqlite_where=text("state = 'sending'"),
        ),
        # Whose fate has to be looked up at Twilio.
        Index(
            "delivery_check",
            "check_at",
            postgresql_where=text("check_at IS NOT NULL"),
            sqlite_where=text("check_at IS NOT NULL"),
        ),
        # Whose bodies are to be blanked, oldest first.
        Index("delivery_body", "state_at", postgresql_where=BODY_MAY_GO, sqlite_where=BODY_MAY_GO),
        # What nobody knows the fate of, oldest first.
        Index(
            "delivery_unknown",
            "state_at",
            postgresql_where=text("state = 'unknown'"),
            sqlite_where=text("state = 'unknown'"),
        ),
        # The last failures.
        Index(
            "delivery_failed",
            "state_at",
            postgresql_where=text("state IN ('failed', 'undelivered')"),
            sqlite_where=text("state IN ('failed', 'undelivered')"),
        ),
        # What a number is owed, and how many texts it got since midnight.
        Index("delivery_phone", "phone_key", "last_attempt_at"),
        # An order's texts, newest first.
        Index("delivery_order", "order_id", "id"),
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
    order_id: Mapped[str] = mapped_column(String(80))
    body: Mapped[str] = mapped_column(Text)
    consent_at: Mapped[datetime]
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_key.id"))
    state: Mapped[DeliveryState]
    state_at: Mapped[datetime]
    reason: Mapped[Reason | None]
    error_code: Mapped[int | None]  # Twilio's
    tries: Mapped[int]  # attempts spent of the allowance; not all of them count
    undelivered: Mapped[int]  # attempts that Twilio took and the carrier could not deliver
    due_at: Mapped[datetime | None]
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
    """A message that was blanked here and is still to be blanked at Twilio."""

    __tablename__ = "body_at_twilio"
    __table_args__ = (Index("body_at_twilio_ask", "ask_at"),)

    sid: Mapped[str] = mapped_column(String(34), primary_key=True)
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
    state: Mapped[AttemptState]
    sid: Mapped[str | None] = mapped_column(String(34), unique=True)
    error_code: Mapped[int | None]
    outcome: Mapped[CallOutcome | None]
    # A word of ours where Twilio gave no code: "timeout", "reset", "lease", "http_429".
    trouble: Mapped[str | None] = mapped_column(String(20))
    segments: Mapped[int | None]
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


class IgnoredReceipt(Base):
    """A receipt that was not believed, or came before; kept to show to whoever asks."""

    __tablename__ = "ignored_receipt"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempt.id"), index=True)
    why: Mapped[Ignored]
    sid: Mapped[str | None] = mapped_column(String(34))  # null: the attempt's
    status: Mapped[str] = mapped_column(String(20))
    error_code: Mapped[int]  # 0: none
    received_at: Mapped[datetime]


class Sender(Base):
    """What texts leave from: how fast, and whether they wait.

    It is held because Twilio refuses it, paused because an operator says so. After a restore
    from a backup, texts may have left from it that we know nothing of.
    """

    __tablename__ = "sender"
    __table_args__ = (
        CheckConstraint("(held_at IS NULL) = (held_code IS NULL)", name="held_for_a_reason"),
        CheckConstraint("(held_at IS NULL) = (probe_at IS NULL)", name="held_is_probed"),
        CheckConstraint("(slowed_at IS NULL) = (slowed_to IS NULL)", name="slowed_to_a_rate"),
        CheckConstraint("pause_reason IS NULL OR paused_at IS NOT NULL", name="pause_reason"),
        CheckConstraint(
            "(restored_at IS NULL) = (lost_since IS NULL)"
            " AND (restored_at IS NULL) = (look_first_until IS NULL)",
            name="restored_whole",
        ),
    )

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    held_at: Mapped[datetime | None]
    held_code: Mapped[int | None]
    probe_at: Mapped[datetime | None]  # when one delivery may try whether it works again
    # The throttle (throttle.py): the next text may be sent then, and no sooner.
    next_slot_at: Mapped[datetime | None]
    slowed_at: Mapped[datetime | None]  # when Twilio last said that it was too fast
    slowed_to: Mapped[float | None]  # texts a second from then on; it recovers with time
    paused_at: Mapped[datetime | None]
    pause_reason: Mapped[str | None] = mapped_column(String(200))
    # The last restore from a backup: when, and since when what happened is lost.
    restored_at: Mapped[datetime | None]
    lost_since: Mapped[datetime | None]
    # Until then an event that looks new may be a lost one, told again.
    look_first_until: Mapped[datetime | None]


class ApiKey(Base):
    """An internal service's key; only its hash is kept."""

    __tablename__ = "api_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(80))  # names with a space between
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


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


class Worker(Base):
    """When each worker was last heard of."""

    __tablename__ = "worker"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    seen_at: Mapped[datetime]
