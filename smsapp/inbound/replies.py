"""What we answer to texts that are no keyword: a word, and what it does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from smsapp.delivery import outbox
from smsapp.delivery.states import ARRIVED
from smsapp.events import accepting, appointments
from smsapp.events.answer import ANSWER, Answer
from smsapp.events.appointment_confirmed import APPOINTMENT_CONFIRMED, AppointmentConfirmed
from smsapp.events.fields import Event
from smsapp.events.kind import Kind
from smsapp.extensions import settings
from smsapp.inbound import keywords
from smsapp.models import Channel, Delivery, DeliveryState
from smsapp.oncall import acknowledging, words


@dataclass(frozen=True, slots=True)
class Answered:
    """A text that is no keyword, whose, and when they sent it.

    One that was missed is not replied to.
    """

    sid: str
    phone_key: str
    e164: str
    body: str
    sent_at: datetime
    is_missed: bool
    channel: Channel


def answer(conn: Connection, text: Answered, now: datetime) -> str | None:
    """Do what a text asks for and queue the answer; return what it did, as a word for the log.

    As a part of a transaction that is alone with the number (phones.lock). By the text's SID, it
    is answered once. What we have no word for is answered with AUTO_REPLY, once a day.
    """
    reply = _REPLIES.get(keywords.first_line(text.body))
    did = reply(conn, text, now) if reply else None
    if did is None and settings().auto_reply and not text.is_missed:
        _say(conn, text, settings().auto_reply, f"auto-{text.phone_key[:32]}-{now:%Y-%m-%d}")
        return "auto_reply"
    return did


def help_on_whatsapp(conn: Connection, text: Answered) -> None:
    """Answer HELP there, where Twilio does not."""
    shop = settings().shop_name
    _say(conn, text, f"{f'{shop}: ' if shop else ''}Reply STOP to get no more messages.")


def _confirm(conn: Connection, text: Answered, now: datetime) -> str | None:
    confirmed = appointments.confirm(conn, text.phone_key, text.e164, settings(), now, text.sent_at)
    if confirmed is None:
        return None
    if not text.is_missed:
        subject, stands = confirmed
        event = stands.event(AppointmentConfirmed, text.sid, text.e164, subject)
        _queue(conn, text, APPOINTMENT_CONFIRMED, event)
    return "confirmed"


def _status(conn: Connection, text: Answered, _now: datetime) -> str | None:
    """Say again what was said last of their latest order."""
    last: Any = conn.execute(_LAST_ORDER, {"of": text.phone_key}).one_or_none()
    if last is None or text.is_missed:
        return None
    _say(conn, text, last.body)
    return "status"


def _take(conn: Connection, text: Answered, now: datetime) -> str | None:
    """Let whoever is on call have an incident: by 1, by its code, or all of theirs."""
    code = int(keywords.first_line(text.body))
    said = acknowledging.by_reply(conn, text.phone_key, code, now)
    if said is None:
        return None
    if not text.is_missed:
        _say(conn, text, said)
    return "acknowledged"


def _say(conn: Connection, text: Answered, words: str, event_id: str | None = None) -> None:
    event = Answer.model_validate(
        {"eventId": event_id or text.sid, "phone": text.e164, "to": text.sid, "words": words}
    )
    _queue(conn, text, ANSWER, event)


def _queue(conn: Connection, text: Answered, kind: Kind, event: Event) -> None:
    """Let an answer wait for a worker: where they wrote, or else by text."""
    delivery = accepting.new_delivery(kind, event, None, send_now=False)
    route = (Channel.SMS,) if text.channel is Channel.WHATSAPP else ()
    outbox.accept(conn, [replace(delivery, channel=text.channel, route=route)])


# The last that was said of an order and whose words are still here.
_LAST_ORDER = (
    select(Delivery.body)
    .where(
        Delivery.phone_key == bindparam("of"),
        Delivery.purpose == "order_updates",
        Delivery.state.in_([DeliveryState.SENT, *ARRIVED]),
        Delivery.blanked_at.is_(None),
    )
    .order_by(Delivery.id.desc())
    .limit(1)
)
# By the letters of a text's first line.
_REPLIES: dict[str, Callable[[Connection, Answered, datetime], str | None]] = {
    **dict.fromkeys(("C", "CONFIRM", "CONFIRMED"), _confirm),
    **dict.fromkeys(map(str, (1, *words.CODES, words.ALL)), _take),
    **dict.fromkeys(("STATUS", "상태", "स्थिति"), _status),
}
