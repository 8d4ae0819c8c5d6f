"""The roll-up: how many deliveries of each hour are in each state, counted beside the sending.

The overview of a month cannot count a million rows while somebody waits, and counting must not slow
down the sending. So a worker counts every hour ahead of time, and always the whole hour anew: to do
that twice does no harm, and a worker that is killed halfway has written nothing.

Nobody keeps track of which deliveries have changed. Instead an hour is counted again for as long as
its texts can still change, and the more rarely the older it is: the newest two at every tick, those
of the last month once a day. So the counts of the current hour are seconds old.

An hour's deliveries are a range of the primary key, for ids begin with the time. On the first run,
and after a time without a worker, the missing hours are counted newest first, for two seconds at a
tick; and after each tick the job rests twenty times as long as it took.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from smsapp.extensions import database_now, db, first_id, insert_into, reading
from smsapp.jobs import claim_job, postpone_job
from smsapp.models import Channel, Delivery, HourCount, Phone, RolledHour

HOUR = timedelta(hours=1)
# The overview shows a month.
KEPT_FRESH = timedelta(days=32)
# An hour up to the first age is counted again once its count is older than the second.
_RESTS = (
    (timedelta(hours=2), timedelta(0)),
    (timedelta(hours=6), timedelta(minutes=1)),
    (timedelta(days=1), timedelta(minutes=10)),
    (timedelta(days=4), timedelta(hours=1)),
    (KEPT_FRESH, timedelta(days=1)),
)
EVERY = timedelta(seconds=5)
MAX_SECONDS = 2.0
_REST_FACTOR = 20
_JOB = "roll_up"

_FIRST = select(Delivery.id).order_by(Delivery.id).limit(1)
_ROLLED = select(RolledHour.hour, RolledHour.counted_at).where(
    RolledHour.hour >= bindparam("since")
)
_COUNT = (
    select(
        Phone.country,
        Delivery.state,
        Delivery.reason,
        Delivery.error_code,
        Delivery.kind,
        Delivery.channel,
        func.count().label("texts"),
    )
    .join(Phone, Phone.phone_key == Delivery.phone_key)
    .where(
        Delivery.id >= bindparam("first"),
        Delivery.id < bindparam("end"),
        Delivery.channel != Channel.TEST,
    )
    .group_by(
        Phone.country,
        Delivery.state,
        Delivery.reason,
        Delivery.error_code,
        Delivery.kind,
        Delivery.channel,
    )
)

# An hour, when it was counted, and its rows of hour_count, still without the hour.
Counted = tuple[datetime, datetime, list[dict[str, Any]]]


def tick() -> None:
    """Count the hours that are due, unless another worker does."""
    if not claim_job(_JOB, EVERY):
        return
    began = time.monotonic()
    run()
    rest = timedelta(seconds=_REST_FACTOR * (time.monotonic() - began))
    if rest > EVERY:
        with reading() as conn:
            now = database_now(conn)
        postpone_job(_JOB, now + rest)


def run(most_seconds: float = MAX_SECONDS) -> int:
    """Count hours that are missing or stale, the newest first; return how many were counted."""
    deadline = time.monotonic() + most_seconds
    counted: list[Counted] = []
    for hour in _stale_hours():
        # All are read before any is written, to hold SQLite's one write lock only for a moment.
        with reading() as conn:
            counted.append((hour, database_now(conn), _count(conn, hour)))
        if time.monotonic() > deadline:
            break
    if counted:
        with db.engine.begin() as conn:
            _write(conn, counted)
    return len(counted)


def hour_of(at: datetime) -> datetime:
    """Return the beginning of the hour that a time is in."""
    return at.replace(minute=0, second=0, microsecond=0)


def _stale_hours() -> list[datetime]:
    with reading() as conn:
        now = database_now(conn)
        first = conn.execute(_FIRST).scalar_one_or_none()
        if first is None:
            return []
        since = datetime.fromtimestamp((first.int >> 80) / 1000, now.tzinfo)
        oldest = hour_of(max(since, now - KEPT_FRESH))
        rolled: dict[datetime, datetime] = {
            row.hour: row.counted_at for row in conn.execute(_ROLLED, {"since": oldest})
        }
    hours = []
    hour = hour_of(now)
    while hour >= oldest:
        if hour not in rolled or now - rolled[hour] >= _rest(now - hour):
            hours.append(hour)
        hour -= HOUR
    return hours


def _rest(age: timedelta) -> timedelta:
    return next((rest for up_to, rest in _RESTS if age < up_to), _RESTS[-1][1])


def _count(conn: Connection, hour: datetime) -> list[dict[str, Any]]:
    ids = {"first": first_id(hour), "end": first_id(hour + HOUR)}
    return [
        {
            "country": row.country,
            "state": row.state,
            "reason": row.reason or "",
            "error_code": row.error_code or 0,
            "kind": row.kind,
            "channel": row.channel,
            "count": row.texts,
        }
        for row in conn.execute(_COUNT, ids)
    ]


def _write(conn: Connection, counted: Sequence[Counted]) -> None:
    """Replace the counts of these hours, but not where another worker has counted later."""
    hour_row = insert_into(conn, RolledHour)
    upsert = hour_row.on_conflict_do_update(
        index_elements=["hour"],
        set_={"counted_at": hour_row.excluded.counted_at},
        where=RolledHour.counted_at <= hour_row.excluded.counted_at,
    ).returning(RolledHour.hour)
    rows = [{"hour": hour, "counted_at": at} for hour, at, _ in sorted(counted, key=itemgetter(0))]
    ours = set(conn.execute(upsert, rows).scalars())
    conn.execute(delete(HourCount).where(HourCount.hour.in_(ours)))
    cells = [{"hour": hour} | cell for hour, _, cells in counted if hour in ours for cell in cells]
    if cells:
        conn.execute(insert(HourCount), cells)
