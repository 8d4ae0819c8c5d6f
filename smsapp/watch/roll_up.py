"""The roll-up: each hour's deliveries counted by state, kept by the worker beside its sending.

The overview of a month cannot count a million rows while somebody waits, and no hot write may
pay for it. So an hour is counted again from its deliveries, as a whole: that is idempotent, and
who is killed in the middle has written nothing. Which deliveries have changed nobody notes down;
instead an hour is counted again the more rarely the older it is, for as long as a text can still
change: the newest two with every round, the last ones once a day for a month. The page says what
changes the least, so at its right edge it is seconds old.

An hour's rows are found by their primary key, which begins with the time. On the first run, and
after a time without a worker, the missing hours are counted the newest first, a few seconds'
worth in a round, and a round is followed by a rest twenty times as long as it took.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from smsapp.extensions import database_now, db, first_id, insert_into, reading
from smsapp.jobs import claim_job, postpone_job
from smsapp.models import Delivery, HourCount, Phone, RolledHour

HOUR = timedelta(hours=1)
# A month is what the overview shows.
KEPT_FRESH = timedelta(days=32)
# An hour up to this old is counted again when its count is older than that.
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
        func.count().label("texts"),
    )
    .join(Phone, Phone.phone_key == Delivery.phone_key)
    .where(Delivery.id >= bindparam("first"), Delivery.id < bindparam("end"))
    .group_by(Phone.country, Delivery.state, Delivery.reason, Delivery.error_code)
)

# An hour, when it was counted, and the rows of hour_count without their hour.
Counted = tuple[datetime, datetime, list[dict[str, Any]]]


def tick() -> None:
    """Count again what is due, unless another worker does it."""
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
    """Count the hours again that are missing or stale, newest first; return how many it were."""
    deadline = time.monotonic() + most_seconds
    counted: list[Counted] = []
    for hour in _stale_hours():
        # Each is read on its own, before any is written: SQLite's one writer is needed elsewhere.
        with reading() as conn:
            counted.append((hour, database_now(conn), _count(conn, hour)))
        if time.monotonic() > deadline:
            break
    if counted:
        with db.engine.begin() as conn:
            _write(conn, counted)
    return len(counted)


def hour_of(at: datetime) -> datetime:
    """Return the full hour before a time."""
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
            "count": row.texts,
        }
        for row in conn.execute(_COUNT, ids)
    ]


def _write(conn: Connection, counted: Sequence[Counted]) -> None:
    """Replace the counts of hours; where two counted at once, the later count stands."""
    hour_row = insert_into(conn, RolledHour)
    upsert = hour_row.on_conflict_do_update(
        index_elements=["hour"],
        set_={"counted_at": hour_row.excluded.counted_at},
        where=RolledHour.counted_at <= hour_row.excluded.counted_at,
    ).returning(RolledHour.hour)
    rows = [{"hour": hour, "counted_at": at} for hour, at, _ in sorted(counted, key=_hour)]
    ours = set(conn.execute(upsert, rows).scalars())
    conn.execute(delete(HourCount).where(HourCount.hour.in_(ours)))
    cells = [{"hour": hour} | cell for hour, _, cells in counted if hour in ours for cell in cells]
    if cells:
        conn.execute(insert(HourCount), cells)


def _hour(counted: Counted) -> datetime:
    return counted[0]
