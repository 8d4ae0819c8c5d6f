"""What is done to a batch: started, paused, resumed, canceled. Each is one commit with its deed."""

import logging
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select, update

from smsapp.batches import handing_in, parking
from smsapp.batches.handing_in import By
from smsapp.errors import BatchHasFaults, BatchNotInState, FourEyes, NotFound
from smsapp.extensions import database_now, db, settings
from smsapp.models import Batch, BatchAct, BatchRow, BatchState, Delivery, DeliveryState

log = logging.getLogger(__name__)

_CAN_CANCEL = {BatchState.READY, BatchState.RUNNING, BatchState.PAUSED}


def start(batch_id: uuid.UUID, by: By, *, skip_faulty: bool) -> None:
    """Let a batch's rows be sent; again changes nothing.

    Raises:
        NotFound: There is no such batch.
        BatchNotInState: It was paused, canceled or is not judged yet.
        FourEyes: Somebody else has to start it.
        BatchHasFaults: There are rows with faults, and they are not to be left out; or no others.
    """
    with db.engine.begin() as conn:
        batch = _locked(conn, batch_id)
        if batch.state in {BatchState.RUNNING, BatchState.DONE}:
            return
        _must_be(batch, {BatchState.READY})
        if needs_another(batch, by):
            raise FourEyes
        if batch.report["faulty"] == batch.rows:
            raise BatchHasFaults("All of its rows have faults. Nothing was started.")
        if batch.report["faulty"] and not skip_faulty:
            raise BatchHasFaults
        now = database_now(conn)
        _set(conn, batch, BatchAct.STARTED, by, state=BatchState.RUNNING, started_at=now)


def needs_another(batch: Any, by: By) -> bool:
    """Whether a batch is so large that somebody else has to start it."""
    if batch.rows <= settings().batch_four_eyes:
        return False
    return by.operator_id is None or by.operator_id == batch.operator_id


def pause(batch_id: uuid.UUID, by: By) -> None:
    """Let nothing more of a batch leave until it is resumed; again changes nothing.

    Raises:
        NotFound, BatchNotInState: It does not run.
    """
    with db.engine.begin() as conn:
        batch = _locked(conn, batch_id)
        if batch.state is BatchState.PAUSED:
            return
        _must_be(batch, {BatchState.RUNNING})
        _set(
            conn,
            batch,
            BatchAct.PAUSED,
            by,
            state=BatchState.PAUSED,
            paused_at=database_now(conn),
        )
        parking.park(conn, batch.id)


def resume(batch_id: uuid.UUID, by: By) -> None:
    """Let a paused batch go on; again changes nothing.

    Raises:
        NotFound, BatchNotInState: It is not paused.
    """
    with db.engine.begin() as conn:
        batch = _locked(conn, batch_id)
        if batch.state is BatchState.RUNNING:
            return
        _must_be(batch, {BatchState.PAUSED})
        parking.release(conn, batch.id, batch.paused_at, database_now(conn))
        running = {"state": BatchState.RUNNING, "paused_at": None, "look_at": None}
        _set(conn, batch, BatchAct.RESUMED, by, **running)


def cancel(batch_id: uuid.UUID, by: By) -> None:
    """Let nothing more of a batch leave, for good; again changes nothing. What has left has left.

    Raises:
        NotFound, BatchNotInState: It is done, or not judged yet.
    """
    with db.engine.begin() as conn:
        batch = _locked(conn, batch_id)
        if batch.state is BatchState.CANCELED:
            return
        _must_be(batch, _CAN_CANCEL)
        now = database_now(conn)
        _cancel_waiting(conn, batch.id, by, now)
        _set(
            conn,
            batch,
            BatchAct.CANCELED,
            by,
            state=BatchState.CANCELED,
            paused_at=None,
            ended_at=now,
        )


# What is in the air, and may come back to be sent again: it is too old by then (superseding.py).
_NOT_AGAIN = update(Delivery).where(
    Delivery.state.in_([DeliveryState.SENDING, DeliveryState.UNKNOWN]),
    exists().where(BatchRow.delivery_id == Delivery.id, BatchRow.batch_id == bindparam("of_batch")),
)


def _cancel_waiting(conn: Connection, batch_id: uuid.UUID, by: By, now: datetime) -> None:
    # First these: what comes back in between waits, and is canceled.
    conn.execute(_NOT_AGAIN.values(expires_at=now), {"of_batch": batch_id})
    columns = {
        "state": DeliveryState.CANCELED,
        "state_at": now,
        "due_at": None,
        "canceled_by": by.name if by.api_key_id else None,
    }
    for rows in parking.waiting(conn, batch_id):
        ids = [row.id for row in rows]
        conn.execute(update(Delivery).where(Delivery.id.in_(ids)).values(columns))


def _locked(conn: Connection, batch_id: uuid.UUID) -> Any:
    batch = conn.execute(
        select(Batch.__table__).where(Batch.id == batch_id).with_for_update()
    ).one_or_none()
    if batch is None:
        raise NotFound("There is no such batch.")
    return batch


def _must_be(batch: Any, states: set[BatchState]) -> None:
    if batch.state not in states:
        raise BatchNotInState(batch.state)


def _set(conn: Connection, batch: Any, act: BatchAct, by: By, **columns: Any) -> None:
    conn.execute(update(Batch).where(Batch.id == batch.id).values(columns))
    handing_in.note(conn, batch.id, act, by)
    who = {"operator": by.name} if by.operator_id else {"api_key": by.name}
    log.info("batch act", extra={"batch": str(batch.id), "effect": act, **who})
