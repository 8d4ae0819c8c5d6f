"""Answering a person from the console: where they wrote last, as a delivery like any other."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from smsapp import audit
from smsapp.delivery import outbox, windows
from smsapp.events import accepting
from smsapp.events.answer import ANSWER, Answer
from smsapp.extensions import database_now, db, reading
from smsapp.models import Act, Channel, Inbound
from smsapp.providers import whatsapp
from smsapp.recipients import phones
from smsapp.recipients.refusals import REFUSALS
from smsapp.trace.acts import NotDone

_LAST = (
    select(Inbound.sid, Inbound.channel, Inbound.received_at)
    .where(Inbound.phone_key == bindparam("of"))
    .order_by(Inbound.received_at.desc(), Inbound.sid.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Way:
    """How a person can be answered: to which text of theirs, over which channel, until when.

    A text may be answered at any time, and what came on WhatsApp for a day; then by text.
    """

    sid: str
    channel: Channel
    until: datetime | None = None


def way_to(phone_key: str) -> Way | None:
    """Return how somebody can be answered now; None who has never written to us."""
    with reading() as conn:
        return _way(conn, phone_key, database_now(conn))


def _way(conn: Connection, phone_key: str, now: datetime) -> Way | None:
    last: Any = conn.execute(_LAST, {"of": phone_key}).one_or_none()
    if last is None:
        return None
    closes_at = windows.closes_at(last.received_at)
    if last.channel == Channel.WHATSAPP and closes_at > now:
        return Way(last.sid, Channel.WHATSAPP, closes_at)
    return Way(last.sid, Channel.SMS)


def answer(phone_key: str, operator_id: int, words: str, form_id: uuid.UUID) -> uuid.UUID:
    """Let an answer wait for a worker, once for each form; return its delivery.

    Raises:
        NotDone: There is nothing to say, or nobody to say it to.
    """
    words = words.strip()
    if not words or len(words) > windows.MAX_CHARACTERS:
        raise NotDone(f"Nothing was sent: write from 1 to {windows.MAX_CHARACTERS} characters.")
    with db.engine.begin() as conn:
        phones.lock(conn, [phone_key])
        way = _way(conn, phone_key, database_now(conn))
        e164 = phones.number_of(conn, phone_key)
        if way is None or e164 is None:
            raise NotDone("Nothing was sent: there is nobody to answer.")
        event = Answer.model_validate(
            {
                "eventId": f"answer-{form_id}",
                "phone": e164,
                "to": way.sid,
                "words": words,
                "channels": list(dict.fromkeys([way.channel, Channel.SMS])),
            }
        )
        delivery = accepting.new_delivery(ANSWER, event, None, send_now=False)
        (accepted,) = outbox.accept(conn, [delivery])
        if accepted.reason in REFUSALS:
            raise NotDone(f"Nothing was sent. {REFUSALS[accepted.reason].cause}")
        if not accepted.is_duplicate:
            audit.write(conn, operator_id, Act.ANSWERED, phone_key, accepted.delivery_id)
    return accepted.delivery_id


def show_typing(phone_key: str) -> None:
    """Let somebody on WhatsApp see that they are being answered, which also marks theirs as read.

    It is a courtesy: where it fails, nothing is lost.
    """
    way = way_to(phone_key)
    if way and way.channel is Channel.WHATSAPP:
        whatsapp.show_typing(way.sid)
