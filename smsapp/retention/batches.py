"""What rows of batches say goes after BODY_RETENTION_DAYS, where no delivery ever said it.

A batch that nobody started by then is canceled.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, and_, func, or_, select, update

from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import FIELDS_ARE_HERE, Batch, BatchRow, BatchState

BATCH = 500
_NOT_BEGUN = Batch.state.in_([BatchState.READY, BatchState.CHECKING])


def count() -> int:
    """Return how many rows are to be blanked now."""
    with reading() as conn:
        return int(conn.execute(_rows(func.count(), _cutoff(conn))).scalar_one())


def blank() -> int:
    """Blank some of them; return how many."""
    with db.engine.begin() as conn:
        cutoff, now = _cutoff(conn), database_now(conn)
        conn.execute(
            update(Batch)
            .where(_NOT_BEGUN, Batch.created_at < cutoff)
            .values(state=BatchState.CANCELED, ended_at=now)
        )
        rows = conn.execute(_rows(BatchRow.number, cutoff, BatchRow.batch_id).limit(BATCH)).all()
        for batch_id in {row.batch_id for row in rows}:
            numbers = [row.number for row in rows if row.batch_id == batch_id]
            theirs = (BatchRow.batch_id == batch_id) & BatchRow.number.in_(numbers)
            conn.execute(update(BatchRow).where(theirs).values(fields=None))
    return len(rows)


def _rows(what: Any, cutoff: Any, *more: Any) -> Select[Any]:
    """Return the query for something of rows past their time."""
    return (
        select(what, *more)
        .select_from(BatchRow)
        .join(Batch, Batch.id == BatchRow.batch_id)
        .where(
            FIELDS_ARE_HERE,
            or_(
                Batch.ended_at < cutoff,
                and_(Batch.started_at.is_(None), Batch.created_at < cutoff),
            ),
        )
    )


def _cutoff(conn: Any) -> Any:
    return database_now(conn) - timedelta(days=settings().body_retention_days)
