"""Blanking the words of texts once nobody needs them any more; everything else about them stays.

A batch is one short transaction that skips rows which another process has locked. So any number of
processes may do this at once, and one that is killed leaves nothing half done.
"""

from datetime import datetime, timedelta

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, func, select, update

from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import BODY_IS_HERE, BODY_MAY_GO, Delivery, Inbound
from smsapp.retention import at_twilio

# Rows in one transaction, which takes some milliseconds.
BATCH = 500

_CUTOFF: BindParameter[datetime] = bindparam("cutoff")
# Only deliveries that have expired: no late receipt or look-up can have them sent again.
_OLD_DELIVERY: tuple[ColumnElement[bool], ...] = (
    BODY_MAY_GO,  # type: ignore[assignment]  # as text, word for word as in its index
    Delivery.state_at < _CUTOFF,
    Delivery.expires_at <= bindparam("now"),
)
_OLD_INBOUND: tuple[ColumnElement[bool], ...] = (
    BODY_IS_HERE,  # type: ignore[assignment]
    Inbound.received_at < _CUTOFF,
)
_DELIVERIES = (
    select(Delivery.id)
    .where(*_OLD_DELIVERY)
    .order_by(Delivery.state_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_INBOUND = (
    select(Inbound.sid)
    .where(*_OLD_INBOUND)
    .order_by(Inbound.received_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_BLANK_DELIVERIES = update(Delivery).where(Delivery.id.in_(bindparam("ids", expanding=True)))
_BLANK_INBOUND = update(Inbound).where(Inbound.sid.in_(bindparam("ids", expanding=True)))


def count_deliveries() -> int:
    """Return how many texts to customers are to be blanked now."""
    with reading() as conn:
        return conn.execute(
            select(func.count()).select_from(Delivery).where(*_OLD_DELIVERY), _times(conn)
        ).scalar_one()


def count_inbound() -> int:
    """Return how many texts from customers are to be blanked now."""
    with reading() as conn:
        return conn.execute(
            select(func.count()).select_from(Inbound).where(*_OLD_INBOUND), _times(conn)
        ).scalar_one()


def blank_deliveries() -> int:
    """Blank a batch of texts to customers, the oldest first; return how many."""
    with db.engine.begin() as conn:
        times = _times(conn)
        ids = list(conn.execute(_DELIVERIES, times).scalars())
        if ids:
            blanked = _BLANK_DELIVERIES.values(body="", blanked_at=times["now"])
            conn.execute(blanked, {"ids": ids})
            at_twilio.enqueue(conn, at_twilio.of_deliveries(ids), times["now"])
    return len(ids)


def blank_inbound() -> int:
    """Blank a batch of texts from customers, the oldest first; return how many."""
    with db.engine.begin() as conn:
        times = _times(conn)
        sids = list(conn.execute(_INBOUND, times).scalars())
        if sids:
            blanked = _BLANK_INBOUND.values(body="", blanked_at=times["now"])
            conn.execute(blanked, {"ids": sids})
            at_twilio.enqueue(conn, at_twilio.of_inbound(sids), times["now"])
    return len(sids)


def _times(conn: Connection) -> dict[str, datetime]:
    now = database_now(conn)
    return {"now": now, "cutoff": now - timedelta(days=settings().body_retention_days)}
