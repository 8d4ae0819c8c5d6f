"""The window of WhatsApp: for a day after somebody wrote, words of our own; else templates alone.

Asked when a message is claimed, never when it is accepted: a window closes meanwhile.
"""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from smsapp import languages
from smsapp.extensions import db
from smsapp.languages import ENGLISH
from smsapp.models import Attempt, Phone
from smsapp.providers.channel import Template
from smsapp.providers.whatsapp_codes import BY_TEMPLATE

# Source: https://www.twilio.com/docs/whatsapp/key-concepts#the-24-hour-window
OPEN_FOR = timedelta(hours=24)
# Their message reached us a little after it reached Twilio, and ours takes its time.
MARGIN = timedelta(minutes=5)
# What WhatsApp takes in one message.
MAX_CHARACTERS = 1024

# What answers somebody may go where they wrote, whatever they chose for all else.
ANSWERS = frozenset({"answer", "appointment_confirmed"})

_OPEN = select(Phone.phone_key).where(
    Phone.phone_key.in_(bindparam("phone_keys", expanding=True)),
    Phone.whatsapp_at > bindparam("since"),
)
_TOO_LATE = select(Attempt.delivery_id).where(
    Attempt.delivery_id.in_(bindparam("ids", expanding=True)),
    Attempt.error_code.in_(BY_TEMPLATE),
)
_CLOSE = (
    update(Phone)
    .where(Phone.phone_key == bindparam("of"), Phone.whatsapp_at <= bindparam("left_at"))
    .values(whatsapp_at=None)
)


def closes_at(wrote_at: datetime) -> datetime:
    """Return until when somebody may be written to freely who wrote then."""
    return wrote_at + OPEN_FOR - MARGIN


def open_for(conn: Connection, phone_keys: Collection[str], now: datetime) -> set[str]:
    """Return those of these numbers that may be written to freely now."""
    since = now - OPEN_FOR + MARGIN
    return set(conn.scalars(_OPEN, {"phone_keys": list(phone_keys), "since": since}))


def closed_for(conn: Connection, delivery_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of these whose own words came too late for the window: they go by a template.

    Whatever the window is now: a message is not tried a second time in its own words.
    """
    found = conn.scalars(_TOO_LATE, {"ids": list(delivery_ids)}) if delivery_ids else ()
    return set(found)


def close(phone_key: str, left_at: datetime) -> None:
    """Write down that somebody's window is closed, as WhatsApp says of what left then.

    Nothing where they have written since.
    """
    with db.engine.begin() as conn:
        conn.execute(_CLOSE, {"of": phone_key, "left_at": left_at})


def template(templates: Mapping[str, Mapping[str, str]], row: Any) -> Template | None:
    """Return the template for a delivery, in its language or else in English; None without one.

    Args:
        templates: {kind: {language: Content SID}}.
        row: A delivery: its kind, locale and variables count.
    """
    of_kind = templates.get(row.kind, {})
    sid = of_kind.get(languages.of(row.locale).code) or of_kind.get(ENGLISH.code)
    return Template(sid, tuple(row.variables or ())) if sid else None
