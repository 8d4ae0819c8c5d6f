"""What somebody who is called may answer by a key: the table of kinds that ask for one.

Where a message asks for a reply by text, a call asks for a key in its place; and only there.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from smsapp.events import appointments
from smsapp.events.appointment_confirmed import APPOINTMENT_CONFIRMED, AppointmentConfirmed
from smsapp.events.kind import message
from smsapp.extensions import settings
from smsapp.languages import N_, Language
from smsapp.oncall import acknowledging, words


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key that was pressed in a call about a delivery.

    Attributes:
        key: One of 0 to 9, * and #.
        subject: What it is about.
        told_at: When the delivery came into being, which says how things stood then.
        call: The call's SID.
        at: When, by the database's clock.
    """

    key: str
    delivery_id: uuid.UUID
    subject: str
    told_at: datetime
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
        asks: Returns the words of a message with what a call asks for in place of what a text asks
            for; None where it asks for nothing.
        press: Does it, as a part of a transaction that is alone with the number (phones.lock), and
            returns what is then said; pressed twice, it says the same. None where there is nothing
            left to answer.
    """

    key: str
    asks: Callable[[str, Language], str | None]
    press: Callable[[Connection, Pressed], str | None]


def in_place_of(reply: str, asks: str) -> Callable[[str, Language], str | None]:
    """Return `KeyAnswer.asks` where one sentence takes another's place; both are translated."""

    def asked_by(body: str, language: Language) -> str | None:
        asked = language.gettext(reply)
        return body.replace(asked, language.gettext(asks)) if asked in body else None

    return asked_by


def _confirm(conn: Connection, pressed: Pressed) -> str | None:
    config = settings()
    stands = appointments.confirm_one(
        conn,
        pressed.phone_key,
        pressed.e164,
        pressed.subject,
        pressed.told_at,
        config,
        pressed.at,
    )
    if stands is None:
        return None
    event = stands.event(AppointmentConfirmed, pressed.call, pressed.e164, pressed.subject)
    return message(APPOINTMENT_CONFIRMED, event, config)


def _take(conn: Connection, pressed: Pressed) -> str | None:
    return acknowledging.by_key(conn, pressed.delivery_id, pressed.at)


KEY_ANSWERS = {
    "incident_paged": KeyAnswer(
        key="1",
        # In English, as the page is.
        asks=in_place_of(words.TAKE_IT, "Press 1 to take it."),
        press=_take,
    ),
    "appointment_reminder": KeyAnswer(
        key="1",
        asks=in_place_of("Reply C to confirm.", N_("Press 1 to confirm.")),
        press=_confirm,
    ),
}
