"""Parking: what a paused batch has waiting with a sender waits until the batch goes on.

The claim asks for what is due, and what is parked is due at no time that comes: so it costs the
claim nothing, and events find nothing in their way.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from smsapp.extensions import db
from smsapp.models import Batch, BatchRow, BatchState, Delivery, DeliveryState

PARKED = datetime(9999, 1, 1, tzinfo=UTC)
# Ids in one statement.
AT_ONCE = 500

_IS_PAUSED = Batch.state == bindparam("paused", BatchState.PAUSED, literal_execute=True)
_IS_PENDING = Delivery.state == bindparam("pending", DeliveryState.PENDING, literal_execute=True)
_WAITING = (
    select(Delivery.id)
    .join(BatchRow, BatchRow.delivery_id == Delivery.id)
    # All that is pending is due by then: said so that its index serves on both databases.
    .where(_IS_PENDING, Delivery.due_at <= PARKED, BatchRow.batch_id == bindparam("of"))
)
_LOCK = (
    select(Delivery.id, Delivery.due_at, Delivery.expires_at)
    .where(_IS_PENDING, Delivery.id.in_(bindparam("ids", expanding=True)))
    .order_by(Delivery.id)
    .with_for_update(of=Delivery)
)


def waiting(conn: Connection, batch_id: uuid.UUID) -> Iterator[list[Any]]:
    """Yield what a batch has waiting with a sender, locked, some hundred at a time.

    Found first and then locked in everyone's order: to ask for both at once has SQLite go through
    all deliveries that there are.
    """
    ids = sorted(conn.scalars(_WAITING, {"of": batch_id}))
    for n in range(0, len(ids), AT_ONCE):
        yield list(conn.execute(_LOCK, {"ids": ids[n : n + AT_ONCE]}))


def park(conn: Connection, batch_id: uuid.UUID) -> None:
    """Let nothing of a batch leave."""
    for rows in waiting(conn, batch_id):
        ids = [row.id for row in rows]
        conn.execute(update(Delivery).where(Delivery.id.in_(ids)).values(due_at=PARKED))


def release(conn: Connection, batch_id: uuid.UUID, paused_at: datetime, now: datetime) -> None:
    """Let what was parked leave now; it matters for as long as it would have without the pause."""
    release = update(Delivery).where(Delivery.id == bindparam("delivery"))
    for rows in waiting(conn, batch_id):
        parked = [
            {"delivery": row.id, "until": row.expires_at + (now - paused_at)}
            for row in rows
            if row.due_at == PARKED
        ]
        if parked:
            conn.execute(release.values(due_at=now, expires_at=bindparam("until")), parked)


def is_anything_astray(conn: Connection, soon: datetime) -> bool:
    """Whether anything of a paused batch would leave soon: it came back to be tried again."""
    if conn.scalar(select(Batch.id).where(_IS_PAUSED).limit(1)) is None:
        return False
    astray = (
        select(Delivery.id)
        .join(BatchRow, BatchRow.delivery_id == Delivery.id)
        .join(Batch, Batch.id == BatchRow.batch_id)
        .where(_IS_PENDING, Delivery.due_at <= soon, _IS_PAUSED)
        .limit(1)
    )
    return conn.scalar(astray) is not None


def park_all() -> None:
    """Park what of paused batches came back."""
    with db.engine.begin() as conn:
        for batch_id in conn.scalars(select(Batch.id).where(_IS_PAUSED).with_for_update()).all():
            park(conn, batch_id)
