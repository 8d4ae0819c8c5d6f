"""Changing the rota: handovers of the week, and overrides of it."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete

from smsapp.extensions import db, insert_into
from smsapp.models import Handover, RotaOverride
from smsapp.oncall.people import Also, Refused
from smsapp.quiet_hours import instant

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_WEEKS = 52
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def _nothing(_conn: Connection, _phone_key: str) -> None:
    pass


def minute_of(clock: str) -> int:
    """Read "09:00".

    Raises:
        Refused: It is no time of a day.
    """
    found = _CLOCK.fullmatch(clock.strip())
    if not found:
        raise Refused("Give the time as 09:00, by the rota's own clock.")
    return int(found[1]) * 60 + int(found[2])


def clock_of(minute: int) -> str:
    """Return a minute of the day as "09:00"."""
    return f"{minute // 60:02}:{minute % 60:02}"


def hand_over(person: Any, weekday: int, minute: int, week: int = 1, also: Also = _nothing) -> None:
    """Let somebody take over at a time of the week, in place of whoever did so then.

    Raises:
        Refused: There is no such time.
    """
    if not (0 <= weekday < len(WEEKDAYS) and 1 <= week <= MOST_WEEKS):
        raise Refused(f"Give a day, and a week from 1 to {MOST_WEEKS}.")
    row = {"week": week, "weekday": weekday, "minute": minute, "person_id": person.id}
    with db.engine.begin() as conn:
        conn.execute(
            insert_into(conn, Handover)
            .values(row)
            .on_conflict_do_update(
                index_elements=["week", "weekday", "minute"], set_={"person_id": person.id}
            )
        )
        also(conn, person.phone_key)


def override(
    person: Any, wall_from: datetime, wall_until: datetime, zone: Any, also: Also = _nothing
) -> None:
    """Let somebody be on call for a time, by the rota's clock, whatever the week says.

    Raises:
        Refused: It ends before it begins.
    """
    starts_at, ends_at = instant(wall_from, zone), instant(wall_until, zone)
    if ends_at <= starts_at:
        raise Refused("It has to end after it begins.")
    row = {"person_id": person.id, "starts_at": starts_at, "ends_at": ends_at}
    with db.engine.begin() as conn:
        conn.execute(insert_into(conn, RotaOverride).values(row))
        also(conn, person.phone_key)


def drop(
    table: type[Handover | RotaOverride], row_id: int, also: Callable[[Connection], None]
) -> None:
    """Take a handover or an override out of the rota; again changes nothing."""
    with db.engine.begin() as conn:
        also(conn)
        conn.execute(delete(table).where(table.id == row_id))
