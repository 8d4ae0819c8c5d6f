"""What we answer to texts that are no keyword: a word, and what it does."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from smsapp.delivery import outbox
from smsapp.events import accepting, appointments
from smsapp.events.appointment_confirmed import APPOINTMENT_CONFIRMED, AppointmentConfirmed
from smsapp.extensions import settings
from smsapp.inbound import keywords


def answer(
    conn: Connection, sid: str, phone_key: str, e164: str, body: str, now: datetime
) -> str | None:
    """Do what a text asks for and queue the answer; return what it did, as a word for the log.

    As a part of a transaction that is alone with the number (phones.lock). By the text's SID, it
    is answered once.
    """
    reply = _REPLIES.get(keywords.first_line(body))
    return reply(conn, sid, phone_key, e164, now) if reply else None


def _confirm(conn: Connection, sid: str, phone_key: str, e164: str, now: datetime) -> str | None:
    confirmed = appointments.confirm(conn, phone_key, e164, settings(), now)
    if confirmed is None:
        return None
    subject, stands = confirmed
    event = stands.event(AppointmentConfirmed, sid, e164, subject)
    thanks = accepting.new_delivery(APPOINTMENT_CONFIRMED, event, None, send_now=False)
    outbox.accept(conn, [thanks])
    return "confirmed"


# By the letters of a text's first line.
_REPLIES: dict[str, Callable[[Connection, str, str, str, datetime], str | None]] = {
    "C": _confirm,
    "CONFIRM": _confirm,
    "CONFIRMED": _confirm,
}
