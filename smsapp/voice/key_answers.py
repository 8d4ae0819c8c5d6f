"""What somebody who is called may answer by a key: the table of kinds that ask for one.

Where a message asks for a reply by text, a call asks for a key in its place; and only there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from smsapp.events import appointments
from smsapp.events.appointment_confirmed import APPOINTMENT_CONFIRMED, AppointmentConfirmed
from smsapp.events.kind import message
from smsapp.extensions import settings
from smsapp.languages import N_, Language


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key that was pressed in a call about a delivery.

    Attributes:
        key: One of 0 to 9, * and #.
        delivery: What names the delivery, its id's 32 hexadecimal digits.
        subject: What it is about.
        call: The call's SID.
        at: When, by the database's clock.
    """

    key: str
    delivery: str
    subject: str
    phone_key: str
    e164: str
    call: str
    language: Language
    at: datetime


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """What a kind asks for in a call.

    Attributes:
        key: The key.
        replaces: What the message says of a reply by text.
        asks: What a call says in its place.
        press: Does it, as a part of a transaction that is alone with the number (phones.lock), and
            returns what is then said; pressed twice, it says the same. None where there is nothing
            left to answer.
    """

    key: str
    replaces: str
    asks: str
    press: Callable[[Connection, Pressed], str | None]


def _confirm(conn: Connection, pressed: Pressed) -> str | None:
    config = settings()
    confirmed = appointments.confirm(
        conn, pressed.phone_key, pressed.e164, config, pressed.at, pressed.at
    )
    if confirmed is None:
        return None
    subject, stands = confirmed
    event = stands.event(AppointmentConfirmed, pressed.call, pressed.e164, subject)
    return message(APPOINTMENT_CONFIRMED, event, config)


KEY_ANSWERS = {
    "appointment_reminder": KeyAnswer(
        key="1",
        replaces="Reply C to confirm.",
        asks=N_("Press 1 to confirm."),
        press=_confirm,
    )
}
