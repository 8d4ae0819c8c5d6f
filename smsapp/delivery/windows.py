"""The window of WhatsApp: for a day after somebody wrote, words of our own; else templates alone.

Asked when a message is claimed, never when it is accepted: a window closes meanwhile.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select

from smsapp import languages
from smsapp.languages import ENGLISH
from smsapp.models import Phone
from smsapp.providers.channel import Template

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


def closes_at(wrote_at: datetime) -> datetime:
    """Return until when somebody may be written to freely who wrote then."""
    return wrote_at + OPEN_FOR - MARGIN


def open_for(conn: Connection, phone_keys: Collection[str], now: datetime) -> set[str]:
    """Return those of these numbers that may be written to freely now."""
    since = now - OPEN_FOR + MARGIN
    return set(conn.scalars(_OPEN, {"phone_keys": list(phone_keys), "since": since}))


def template(templates: Mapping[str, Mapping[str, str]], row: Any) -> Template | None:
    """Return the template for a delivery, in its language or else in English; None without one.

    Args:
        templates: {kind: {language: Content SID}}.
        row: A delivery: its kind, locale and variables count.
    """
    of_kind = templates.get(row.kind, {})
    sid = of_kind.get(languages.of(row.locale).code) or of_kind.get(ENGLISH.code)
    return Template(sid, tuple(row.variables or ())) if sid else None
