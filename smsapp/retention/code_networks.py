"""Forgetting from which session and network a code was asked for, once no limit counts it."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update

from smsapp.extensions import database_now, db, reading
from smsapp.models import NETWORK_IS_HERE, Verification

# The longest span of the limits is a day (recipients/verification_limits.py, pumping.py).
KEPT = timedelta(days=2)
BATCH = 500


def count() -> int:
    """Return how many codes there are whose network is not needed any more."""
    with reading() as conn:
        old = select(func.count()).select_from(Verification).where(*_old(database_now(conn)))
        return conn.execute(old).scalar_one()


def forget() -> int:
    """Forget the network and session of a batch of old codes; return of how many."""
    with db.engine.begin() as conn:
        old = (
            select(Verification.id)
            .where(*_old(database_now(conn)))
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        these = Verification.id.in_(old.scalar_subquery())
        return conn.execute(
            update(Verification).where(these).values(network=None, session=None)
        ).rowcount


def _old(now: datetime) -> tuple[ColumnElement[bool], ...]:
    # As text, word for word as in its index.
    return (NETWORK_IS_HERE, Verification.started_at < now - KEPT)  # type: ignore[return-value]
