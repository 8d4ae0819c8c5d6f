"""Counting per minute what leaves no row of its own, so that an alarm can ask the database.

A web process counts in memory and writes that down every few seconds (web/jobs.py): a flood of
forged webhooks must not become a flood of writes.
"""

import threading
from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, select

from smsapp.extensions import database_now, db, insert_into
from smsapp.models import Tally

SIGNATURE = "signature"  # webhooks whose signature is not ours
DOUBTFUL = "doubtful"  # look-ups that could not tell
VERIFY = "verify_"  # what Twilio Verify refuses for a setting of ours, by its code

KEPT = timedelta(days=1)

_noted: Counter[str] = Counter()
_lock = threading.Lock()

_SINCE = select(func.coalesce(func.sum(Tally.count), 0)).where(
    Tally.what == bindparam("what"), Tally.minute >= bindparam("since")
)
_LIKE = (
    select(Tally.what, func.sum(Tally.count), func.max(Tally.minute))
    .where(Tally.what.startswith(bindparam("prefix"), autoescape=False))
    .group_by(Tally.what)
    .order_by(Tally.what)
)


def note(what: str) -> None:
    """Count one in memory; `flush` writes it down."""
    with _lock:
        _noted[what] += 1


def flush() -> None:
    """Write down what was noted; what cannot be written is kept for the next time."""
    with _lock:
        counts = dict(_noted)
        _noted.clear()
    if not counts:
        return
    try:
        with db.engine.begin() as conn:
            now = database_now(conn)
            for what in sorted(counts):
                add(conn, what, counts[what], now)
    except Exception:
        with _lock:
            _noted.update(counts)
        raise


def add(conn: Connection, what: str, count: int, now: datetime) -> None:
    """Count something in the database, in a transaction of the caller's."""
    row = insert_into(conn, Tally).values(
        minute=now.replace(second=0, microsecond=0), what=what, count=count
    )
    conn.execute(
        row.on_conflict_do_update(
            index_elements=["minute", "what"], set_={"count": Tally.count + row.excluded.count}
        )
    )


def since(conn: Connection, what: str, since: datetime) -> int:
    """Return how often something happened since a time."""
    return int(conn.execute(_SINCE, {"what": what, "since": since}).scalar_one())


def kept(conn: Connection, prefix: str) -> list[tuple[str, int, datetime]]:
    """Return what is kept whose name begins so: the rest of it, how often, and the last minute."""
    found = conn.execute(_LIKE, {"prefix": prefix}).all()
    return [(what.removeprefix(prefix), int(count), last) for what, count, last in found]


def forget_old(conn: Connection, now: datetime) -> None:
    """Delete what no alarm asks for any more."""
    conn.execute(delete(Tally).where(Tally.minute < now - KEPT))
