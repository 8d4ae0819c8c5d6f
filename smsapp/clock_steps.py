"""The clock is set back: what waits goes on waiting for as long as it was told to, and no longer.

Times are written down as hours of the clock. Once it is two hours behind, what was to be done in
five minutes is due in two hours and five; and who was refused for ten minutes is refused for as
long. So the workers keep the latest time that they have seen, and where it lies in the future, all
that was written down since moves back with the clock. What goes first stays first, but for the
seconds between two looks.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from smsapp.extensions import database_now, insert_into
from smsapp.models import (
    Delivery,
    DeliveryState,
    InboundList,
    Incident,
    OnCallPerson,
    OperatorSession,
    ScheduledJob,
    Sender,
    Verification,
    Webhook,
    Worker,
)

log = logging.getLogger(__name__)

# The row of the latest time that was seen; a step is a larger one than clocks are adjusted by.
NAME = "clock"
STEP = timedelta(seconds=60)


def _moving(now: datetime) -> list[tuple[Any, str, tuple[ColumnElement[bool], ...]]]:
    """Return which times of which rows move, where they lie in the future.

    A delivery's do if they were written before the step: what was put off since, or on purpose
    until another day, means the hour that it says.
    """
    before_the_step = Delivery.state_at > now
    pending = Delivery.state == DeliveryState.PENDING
    return [
        (Delivery, "due_at", (pending, before_the_step)),
        (Delivery, "lease_until", (Delivery.state == DeliveryState.SENDING, before_the_step)),
        (Delivery, "check_at", (before_the_step,)),
        (Delivery, "absent_since", (Delivery.state == DeliveryState.UNKNOWN, before_the_step)),
        (Sender, "probe_at", ()),
        (Sender, "next_slot_at", ()),
        (Sender, "slowed_at", ()),
        (ScheduledJob, "due_at", (ScheduledJob.name != NAME,)),
        (Webhook, "due_at", ()),
        (InboundList, "look_at", ()),
        (InboundList, "complete_until", ()),
        (Incident, "step_due_at", (Incident.stepped_at > now,)),
        (Incident, "news_due_at", ()),
        (OnCallPerson, "bundle_at", ()),
        (OnCallPerson, "bundled_at", ()),
        (OnCallPerson, "news_at", ()),
        (Worker, "seen_at", ()),
        (Verification, "started_at", ()),
        (OperatorSession, "began_at", ()),
        (OperatorSession, "seen_at", ()),
    ]


def catch_up(conn: Connection) -> None:
    """Note the time; where it was later before, move what waits."""
    now = database_now(conn)
    latest = select(ScheduledJob.due_at).where(ScheduledJob.name == NAME).with_for_update()
    seen = conn.execute(latest).scalar_one_or_none()
    row = {"due_at": now}
    conn.execute(
        insert_into(conn, ScheduledJob)
        .values(name=NAME, **row)
        .on_conflict_do_update(index_elements=["name"], set_=row)
    )
    if seen is None or seen - now < STEP:
        return
    back = seen - now
    moved = sum(_move(conn, *each, now, back) for each in _moving(now))
    seconds = int(back.total_seconds())
    log.warning("the clock was set back", extra={"seconds": seconds, "count": moved})


def _move(
    conn: Connection,
    model: Any,
    name: str,
    where: tuple[ColumnElement[bool], ...],
    now: datetime,
    back: timedelta,
) -> int:
    """Move one time of all rows where it lies in the future; return of how many."""
    table = model.__table__
    column, keys = table.c[name], list(table.primary_key)
    # Row by row in the order of their keys, as everybody locks them.
    rows = conn.execute(select(*keys, column).where(column > now, *where).order_by(*keys)).all()
    if not rows:
        return 0
    is_same = [key == bindparam(f"of_{key.name}") for key in keys] + [column == bindparam("before")]
    conn.execute(
        update(table).where(*is_same).values({name: bindparam("after")}),
        [
            {f"of_{key.name}": value for key, value in zip(keys, row, strict=False)}
            | {"before": row[-1], "after": row[-1] - back}
            for row in rows
        ],
    )
    return len(rows)
