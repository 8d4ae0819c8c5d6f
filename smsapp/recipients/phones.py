"""The table where numbers live, and the lock that STOP and a send meet at."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from smsapp.models import Phone
from smsapp.phone import country

_INSERTS: Mapping[str, Any] = {
    "sqlite": sqlite.insert(Phone).on_conflict_do_nothing(index_elements=["phone_key"]),
    "postgresql": postgresql.insert(Phone).on_conflict_do_nothing(index_elements=["phone_key"]),
}
_LOCK = (
    select(Phone.phone_key)
    .where(Phone.phone_key.in_(bindparam("phone_keys", expanding=True)))
    .order_by(Phone.phone_key)
)
_LOCK_SHARED = _LOCK.with_for_update(read=True)
_LOCK_FREE = (
    select(Phone.phone_key, Phone.e164)
    .where(Phone.phone_key.in_(bindparam("phone_keys", expanding=True)), Phone.e164.is_not(None))
    .with_for_update(read=True, skip_locked=True)
)
_LOCK_ALONE = _LOCK.with_for_update()


def remember(conn: Connection, numbers: Mapping[str, str], at: datetime) -> None:
    """Write down numbers, {phone key: E.164}, that are not yet known.

    Sorted, because two processes that insert the same numbers in a different order would
    wait for each other for ever.
    """
    rows = [
        {"phone_key": key, "e164": numbers[key], "country": country(numbers[key]), "created_at": at}
        for key in sorted(numbers)
    ]
    conn.execute(_INSERTS[conn.dialect.name], rows)


def lock_to_text(conn: Connection, phone_keys: Iterable[str]) -> None:
    """Hold back any STOP to these numbers until this transaction ends; texts may go on.

    On SQLite a transaction is alone from its beginning, and this does nothing.
    """
    conn.execute(_LOCK_SHARED, {"phone_keys": list(phone_keys)})


def lock_what_is_free(conn: Connection, phone_keys: Iterable[str]) -> dict[str, str]:
    """Do the same for those that no STOP is at work on; return them, {phone key: E.164}."""
    rows = conn.execute(_LOCK_FREE, {"phone_keys": list(phone_keys)})
    return {row.phone_key: row.e164 for row in rows}


def lock_to_stop(conn: Connection, phone_key: str) -> None:
    """Hold back any text to this number until this transaction ends."""
    conn.execute(_LOCK_ALONE, {"phone_keys": [phone_key]})
