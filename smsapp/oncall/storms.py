"""Storms: beyond ONCALL_STORM pages in five minutes one person's come together, in one text.

The first are told at once, for they are what counts; the bundle follows after a minute, and the
next one after five. Whatever calls and texts there are, nobody gets more of either.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from smsapp.extensions import settings
from smsapp.models import IncidentPage, OnCallPerson

WINDOW = timedelta(minutes=5)
COLLECT = timedelta(minutes=1)

_LATELY = select(func.count(IncidentPage.delivery_id.distinct())).where(
    IncidentPage.person_id == bindparam("of"),
    IncidentPage.paged_at > bindparam("since"),
    IncidentPage.paged_at <= bindparam("now"),
)


def is_in_one(conn: Connection, person: Any, now: datetime) -> bool:
    """Whether somebody has had as many pages lately as they may one by one."""
    lately = conn.scalar(_LATELY, {"of": person.id, "since": now - WINDOW, "now": now})
    return (lately or 0) >= settings().oncall_storm


def bundle_later(conn: Connection, person_id: int, now: datetime) -> None:
    """Have somebody told of all that waits for them, in its time. Their phone is locked."""
    of = OnCallPerson.id == person_id
    row = conn.execute(select(OnCallPerson.bundle_at, OnCallPerson.bundled_at).where(of)).one()
    if row.bundle_at is None:
        after_last = row.bundled_at + WINDOW if row.bundled_at else now
        due = max(now + COLLECT, after_last)
        conn.execute(update(OnCallPerson).where(of).values(bundle_at=due))
