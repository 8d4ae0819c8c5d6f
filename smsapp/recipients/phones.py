"""The table where numbers live, and the lock that STOP and a send meet at."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from smsapp.extensions import database_now, insert_into
from smsapp.models import Phone
from smsapp.phone import NO_COUNTRY, country

_KEYS = Phone.phone_key.in_(bindparam("phone_keys", expanding=True))
_LOCK = (
    select(Phone.phone_key, Phone.forgotten_at)
    .where(_KEYS)
    .order_by(Phone.phone_key)
    .with_for_update()
)
_RECALL = (
    update(Phone)
    .where(Phone.phone_key == bindparam("of"))
    .values(e164=bindparam("number"), forgotten_at=None)
)
_LOCK_FREE = (
    select(Phone.phone_key, Phone.e164, Phone.country)
    .where(_KEYS)
    .with_for_update(read=True, skip_locked=True)
)


def remember(
    conn: Connection,
    numbers: Mapping[str, str | None],
    at: datetime,
    tests: Collection[str] = (),
) -> None:
    """Write down numbers, {phone key: E.164}, that are not yet known.

    None is for whoever has written to us from an address that is no phone number; `tests` are those
    of the keys that test keys write to.

    Sorted, because two processes that insert the same numbers in a different order would
    wait for each other for ever.
    """
    rows = [
        {
            "phone_key": key,
            "e164": number,
            "country": country(number) if number else NO_COUNTRY,
            "created_at": at,
            "used_at": at,
            "is_test": key in tests,
        }
        for key, number in sorted(numbers.items())
    ]
    # Whichever of its unique indexes notices first that another process writes the number.
    conn.execute(insert_into(conn, Phone).on_conflict_do_nothing(), rows)


def is_known(conn: Connection, phone_key: str) -> bool:
    """Whether we ever met this number, even if its person was erased since."""
    found = conn.execute(select(Phone.phone_key).where(Phone.phone_key == phone_key))
    return found.one_or_none() is not None


def number_of(conn: Connection, phone_key: str) -> str | None:
    """Return the number of a key, E.164; None once it was forgotten or its person erased."""
    e164: str | None = conn.execute(
        select(Phone.e164).where(Phone.phone_key == phone_key)
    ).scalar_one()
    return e164


def current(conn: Connection, phone_key: str) -> str:
    """Return the key that a number has now: another one where it was merged (merging.py)."""
    merged = select(Phone.merged_into).where(Phone.phone_key == phone_key)
    return conn.execute(merged).scalar_one_or_none() or phone_key


def remember_again(conn: Connection, phone_key: str, e164: str) -> None:
    """Write down the number of an erased person who has come back and typed it in."""
    conn.execute(
        update(Phone)
        .where(Phone.phone_key == phone_key, Phone.e164.is_(None))
        .values(e164=e164, forgotten_at=None)
    )


def lock(conn: Connection, phone_keys: Iterable[str]) -> dict[str, datetime | None]:
    """Be alone with these numbers until this transaction ends: with a STOP, a grant, a text.

    In a fixed order, so that two transactions cannot wait for each other. On SQLite a
    transaction is alone from its beginning. Return those that there are, and when each was
    forgotten, if it was.
    """
    rows = conn.execute(_LOCK, {"phone_keys": sorted(phone_keys)})
    return {row.phone_key: row.forgotten_at for row in rows}


def remember_and_lock(
    conn: Connection, numbers: Mapping[str, str | None], tests: Collection[str] = ()
) -> None:
    """Be alone with numbers, {phone key: E.164}, whether they were known before or not.

    One that was forgotten because nobody used it is known again; an erased person's is not.
    """
    there = lock(conn, numbers)
    new = {key: numbers[key] for key in numbers.keys() - there.keys()}
    if new:
        remember(conn, new, database_now(conn), tests)
        there |= lock(conn, new)  # somebody else may have been quicker to write one of them
    back = sorted(key for key, forgotten_at in there.items() if forgotten_at)
    if back:
        conn.execute(_RECALL, [{"of": key, "number": numbers[key]} for key in back])


def lock_what_is_free(conn: Connection, phone_keys: Iterable[str]) -> dict[str, Any]:
    """Be alone with those of the numbers that nobody else is alone with.

    Return them, {phone key: a row of e164, None for one that we no longer have, and country}.
    """
    rows = conn.execute(_LOCK_FREE, {"phone_keys": list(phone_keys)})
    return {row.phone_key: row for row in rows}
