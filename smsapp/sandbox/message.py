"""One text as the carrier keeps it, with its statuses and callbacks, and as Twilio shows it."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal

from sqlalchemy import JSON, CheckConstraint, Index, String, insert, text
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from smsapp import clock, segments
from smsapp.sandbox import addresses
from smsapp.sandbox.database import Base
from smsapp.sandbox.errors import ERRORS_BY_CODE

API_VERSION = "2010-04-01"
# Twilio's own, and three that only the phone page tells apart: Twilio's answer to a keyword,
# and Verify's texts and calls.
Direction = Literal[
    "outbound-api",
    "outbound-reply",
    "inbound",
    "keyword-reply",
    "verify-sms",
    "verify-call",
    "verify-whatsapp",
]
# What Verify sends is not in the account's own list of messages.
OF_VERIFY = ("verify-sms", "verify-call", "verify-whatsapp")
FINAL = frozenset({"delivered", "undelivered", "failed", "received"})


class Message(Base):
    """A text. `seq` gives the order; a SID says nothing about it.

    `customer` is the address that is not the shop's; on WhatsApp all addresses say so.
    """

    __tablename__ = "message"
    __table_args__ = (
        Index("message_customer", "customer", "seq"),
        Index("message_to", "to_number", "seq"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    sid: Mapped[str] = mapped_column(unique=True)
    direction: Mapped[Direction] = mapped_column(String)
    customer: Mapped[str]
    to_number: Mapped[str]
    from_number: Mapped[str | None]
    service_sid: Mapped[str | None]
    body: Mapped[str]
    segments: Mapped[int]
    status: Mapped[str]
    error_code: Mapped[int | None]
    price: Mapped[str | None]
    callback_url: Mapped[str | None]
    created_at: Mapped[float]
    updated_at: Mapped[float]
    sent_at: Mapped[float | None]

    history: Mapped[list["Step"]] = relationship(
        primaryjoin="and_(Message.sid == foreign(Step.sid), Step.happened_at.is_not(None))",
        order_by="Step.happened_at, Step.id",
        viewonly=True,
    )
    receipts: Mapped[list["Receipt"]] = relationship(
        primaryjoin="Message.sid == foreign(Receipt.sid)", order_by="Receipt.id", viewonly=True
    )

    extra: Mapped["Extra | None"] = relationship(
        primaryjoin="Message.sid == foreign(Extra.sid)", viewonly=True, lazy="joined"
    )

    @property
    def channel(self) -> addresses.Channel:
        """Over which channel it goes."""
        return addresses.channel(self.customer)

    @property
    def sample(self) -> str | None:
        """What it is in place of words: "picture", "voice" or "location"."""
        return self.extra.sample if self.extra else None

    @property
    def media_sid(self) -> str | None:
        """The SID of its picture or voice note."""
        return self.extra.media_sid if self.extra else None

    @property
    def is_code(self) -> bool:
        """Whether Verify sent it."""
        return self.direction in OF_VERIFY

    def as_twilio(self, account_sid: str) -> dict[str, object]:
        """Return Twilio's JSON: counts and prices are strings, the error code is a number."""
        uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{self.sid}"
        error = ERRORS_BY_CODE.get(self.error_code or 0)
        # Until a Messaging Service has picked a sender, nothing is known about either.
        unassigned = self.from_number is None
        return {
            "sid": self.sid,
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.updated_at),
            "date_sent": None if self.sent_at is None else rfc2822(self.sent_at),
            "account_sid": account_sid,
            "to": self.to_number,
            "from": self.from_number,
            "messaging_service_sid": self.service_sid,
            "body": self.body,
            "status": self.status,
            "num_segments": "0" if unassigned else str(self.segments),
            "num_media": "1" if self.media_sid else "0",
            "direction": "outbound-reply" if self.direction == "keyword-reply" else self.direction,
            "api_version": API_VERSION,
            "price": self.price,
            "price_unit": None if self.service_sid else "USD",
            "error_code": self.error_code,
            "error_message": error.words if error else None,
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }

    def as_json(self) -> dict[str, object]:
        """Return what `GET /messages.json` promises to tests."""
        return {
            "sid": self.sid,
            "to": self.to_number,
            "from": self.from_number,
            "body": self.body,
            "status": self.status,
            "errorCode": self.error_code,
            "createdAt": iso8601(self.created_at),
            "channel": self.channel,
        }


class Extra(Base):
    """What a WhatsApp message has beside its words.

    `buttons` are those of its template, each with `title` and `id`; `replies_to` is the message
    whose button a customer pressed.
    """

    __tablename__ = "whatsapp_extra"

    sid: Mapped[str] = mapped_column(primary_key=True)
    content_sid: Mapped[str | None] = mapped_column(default=None)
    buttons: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    sample: Mapped[str | None] = mapped_column(default=None)
    media_sid: Mapped[str | None] = mapped_column(default=None)
    replies_to: Mapped[str | None] = mapped_column(default=None)


class Step(Base):
    """A status that a message has had, or is still going to have: then `happened_at` is null."""

    __tablename__ = "status"
    __table_args__ = (
        Index("status_due", "due_at", sqlite_where=text("happened_at IS NULL")),
        Index("status_sid", "sid"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sid: Mapped[str]
    status: Mapped[str]
    error_code: Mapped[int | None]
    due_at: Mapped[float]
    happened_at: Mapped[float | None]


class Receipt(Base):
    """A callback, to be posted, being posted or done: a status, or a customer's text.

    `token` stays in a repeat; `answer` is the app's, None while there is none. An id is never
    used again: the verdict on a receipt that was cleared must not hit a new one.
    """

    __tablename__ = "receipt"
    __table_args__ = (
        CheckConstraint("state IN ('due', 'posting', 'done')"),
        Index("receipt_due", "due_at", sqlite_where=text("state = 'due'")),
        Index("receipt_posting", "id", sqlite_where=text("state = 'posting'")),
        Index("receipt_sid", "sid"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sid: Mapped[str]
    status: Mapped[str]
    url: Mapped[str]
    body: Mapped[str]
    token: Mapped[str]
    state: Mapped[str] = mapped_column(default="due")
    due_at: Mapped[float]
    tries: Mapped[int] = mapped_column(default=0)
    first_try_at: Mapped[float | None]
    answer: Mapped[str | None]


def new_message(
    direction: Direction,
    to: str,
    sender: str | None,
    body: str,
    service_sid: str | None = None,
    callback_url: str | None = None,
) -> Message:
    """Return a text that comes into being now."""
    now, inbound = clock.now().timestamp(), direction == "inbound"
    return Message(
        sid=new_sid("SM"),
        direction=direction,
        customer=sender if inbound else to,
        to_number=to,
        from_number=sender,
        service_sid=service_sid,
        body=body,
        segments=1 if addresses.channel(to) == "whatsapp" else segments.count(body).segments,
        status="received" if inbound else "accepted" if service_sid else "queued",
        callback_url=callback_url,
        created_at=now,
        updated_at=now,
        sent_at=now if inbound else None,
    )


# As rows, not as objects: this is what every text costs.
_INSERT_MESSAGE, _INSERT_STEPS = insert(Message), insert(Step)


def insert_message(db: Session, message: Message, plan: Sequence[Step] = ()) -> None:
    """Write a new message down, with its first status and those that it is going to have."""
    now = message.created_at
    first = Step(sid=message.sid, status=message.status, due_at=now, happened_at=now)
    conn = db.connection()
    conn.execute(_INSERT_MESSAGE, _columns(message, "seq"))
    conn.execute(_INSERT_STEPS, [_columns(step, "id") for step in (first, *plan)])
    if message.extra:
        db.add(message.extra)


def _columns(row: Base, key: str) -> dict[str, object]:
    """Return a new row's columns but for its key, which the database gives it."""
    names = row.__table__.columns.keys()
    return {name: getattr(row, name) for name in names if name != key}


def new_sid(prefix: str) -> str:
    """Return a SID: "SM" for a message, and 32 hex digits."""
    return prefix + secrets.token_hex(16)


def rfc2822(at: float) -> str:
    """Return a time as the 2010 API writes it: "Sat, 11 Jul 2020 12:57:05 +0000"."""
    return format_datetime(_utc(at))


def iso8601(at: float) -> str:
    """Return a time as the contract writes it: "2020-07-11T12:57:05.250000Z"."""
    return _utc(at).isoformat(timespec="microseconds").replace("+00:00", "Z")


def iso_seconds(at: float) -> str:
    """Return a time as Twilio's newer APIs write it: "2015-07-30T20:00:00Z"."""
    return _utc(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
