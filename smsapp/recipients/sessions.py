"""When a customer's session has ended: with an erasure, and with a sign-out anywhere."""

from datetime import datetime

from sqlalchemy import select, update

from smsapp.extensions import database_now, db, reading
from smsapp.models import Phone
from smsapp.recipients import phones


def number_of(phone_key: str, began: datetime) -> str | None:
    """Return the number of a session that began then, E.164; None where it has ended."""
    with reading() as conn:
        row = conn.execute(
            select(Phone.e164, Phone.sessions_since).where(Phone.phone_key == phone_key)
        ).one_or_none()
    if row is None or (row.sessions_since is not None and began <= row.sessions_since):
        return None
    e164: str | None = row.e164
    return e164


def end(phone_key: str) -> None:
    """End a customer's sessions, here and in every other browser."""
    with db.engine.begin() as conn:
        phones.lock(conn, [phone_key])
        now = database_now(conn)
        conn.execute(update(Phone).where(Phone.phone_key == phone_key).values(sessions_since=now))
