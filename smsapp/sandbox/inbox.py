"""Reading what the carrier has: one message, pages of them, and conversations."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import selectinload

from smsapp.sandbox import addresses
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.message import OF_VERIFY, Extra, Message


@dataclass(frozen=True, slots=True)
class Conversation:
    """A customer's address, how many messages, and the newest. `id` is the order of the first."""

    id: int
    address: str
    texts: int
    last: Message

    @property
    def number(self) -> str:
        """The customer's number, E.164."""
        return addresses.number(self.address)

    @property
    def channel(self) -> addresses.Channel:
        """Over which channel it goes."""
        return addresses.channel(self.address)


def find(desk: Desk, sid: str) -> Message | None:
    """Return one message."""
    with desk.database.read() as db:
        return db.scalar(select(Message).where(Message.sid == sid))


def find_media(desk: Desk, media_sid: str) -> Message | None:
    """Return the message that a file came with."""
    with desk.database.read() as db:
        return db.scalar(select(Message).join(Message.extra).where(Extra.media_sid == media_sid))


def listed(desk: Desk, limit: int, to: str | None, before: Message | None) -> Sequence[Message]:
    """Return the account's messages to a number, or all, that are older than `before`."""
    query = select(Message).where(Message.direction.not_in(OF_VERIFY))
    if to:
        query = query.where(Message.to_number == to)
    if before:
        query = query.where(Message.seq < before.seq)
    with desk.database.read() as db:
        return db.scalars(query.order_by(Message.seq.desc()).limit(limit)).all()


def sent_by_the_app(desk: Desk) -> list[dict[str, object]]:
    """Return what `GET /messages.json` lists: what the carrier accepted from the app."""
    of_the_app = Message.direction.in_(("outbound-api", "outbound-reply"))
    with desk.database.read() as db:
        found = db.scalars(select(Message).where(of_the_app).order_by(Message.seq.desc()))
        return [message.as_json() for message in found]


def conversations(
    desk: Desk, limit: int = -1, which: ColumnElement[bool] | None = None
) -> list[Conversation]:
    """Return the conversations with the newest texts, newest first; `which` narrows them."""
    seq = Message.seq
    each = select(func.min(seq).label("id"), func.count().label("texts"), func.max(seq).label("at"))
    each = each.group_by(Message.customer)
    ids = (each if which is None else each.having(which)).subquery()
    query = select(ids.c.id, ids.c.texts, Message).join(Message, seq == ids.c.at)
    with desk.database.read() as db:
        rows = db.execute(query.order_by(seq.desc()).limit(limit)).all()
    return [Conversation(id_, last.customer, texts, last) for id_, texts, last in rows]


def conversation(desk: Desk, conversation_id: int) -> Conversation | None:
    """Return one conversation."""
    found = conversations(desk, which=func.min(Message.seq) == conversation_id)
    return found[0] if found else None


def conversation_with(desk: Desk, address: str) -> int:
    """Return the id of a customer's conversation, which there must be."""
    return conversations(desk, which=Message.customer == address)[0].id


def count(desk: Desk) -> tuple[int, int]:
    """Return how many conversations and how many texts there are."""
    with desk.database.read() as db:
        people, texts = db.execute(
            select(func.count(Message.customer.distinct()), func.count())
        ).one()
    return people, texts


def texts(desk: Desk, address: str, limit: int = -1) -> list[Message]:
    """Return a customer's newest texts with their past, oldest first as on a phone."""
    query = select(Message).where(Message.customer == address).order_by(Message.seq.desc())
    past = selectinload(Message.history), selectinload(Message.receipts)
    with desk.database.read() as db:
        return list(db.scalars(query.limit(limit).options(*past)))[::-1]
