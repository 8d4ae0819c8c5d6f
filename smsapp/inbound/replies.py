"""What we answer to texts that are no keyword: a word, and what it does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from smsapp.delivery import outbox
from smsapp.events import accepting, appointments
from smsapp.events.appointment_confirmed import APPOINTMENT_CONFIRMED, AppointmentConfirmed
from smsapp.extensions import settings
from smsapp.inbound import keywords


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


def answer(conn: Connection, text: Answered, now: datetime) -> str | None:
    """Do what a text asks for and queue the answer; return what it did, as a word for the log.

    As a part of a transaction that is alone with the number (phones.lock). By the text's SID, it
    is answered once.
    """
    reply = _REPLIES.get(keywords.first_line(text.body))
    return reply(conn, text, now) if reply else None


def _confirm(conn: Connection, text: Answered, now: datetime) -> str | None:
    confirmed = appointments.confirm(conn, text.phone_key, text.e164, settings(), now, text.sent_at)
    if confirmed is None:
        return None
    if text.is_missed:
        return "confirmed"
    subject, stands = confirmed
    event = stands.event(AppointmentConfirmed, text.sid, text.e164, subject)
    thanks = accepting.new_delivery(APPOINTMENT_CONFIRMED, event, None, send_now=False)
    outbox.accept(conn, [thanks])
    return "confirmed"


# By the letters of a text's first line.
_REPLIES: dict[str, Callable[[Connection, Answered, datetime], str | None]] = {
    "C": _confirm,
    "CONFIRM": _confirm,
    "CONFIRMED": _confirm,
}
