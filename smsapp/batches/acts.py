"""What is done to a batch: started, paused, resumed, canceled. Each is one commit with its deed."""

import logging
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from smsapp.batches import handing_in
from smsapp.batches.handing_in import By
from smsapp.delivery import superseding
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
    """Hand nothing more of a batch to the senders until it is resumed; again changes nothing.

    What they have already, a second's worth, leaves.

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


# What waits with a sender or is in the air. What was sent has left.
_ON_THEIR_WAY = (
    select(Delivery.id)
    .join(BatchRow, BatchRow.delivery_id == Delivery.id)
    .where(
        BatchRow.batch_id == bindparam("of"),
        Delivery.state.in_([DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.UNKNOWN]),
    )
    .order_by(Delivery.id)
)
# Ids in one statement.
AT_ONCE = 500


def _cancel_waiting(conn: Connection, batch_id: uuid.UUID, by: By, now: datetime) -> None:
    ids = conn.scalars(_ON_THEIR_WAY, {"of": batch_id}).all()
    key = by.name if by.api_key_id else None
    for n in range(0, len(ids), AT_ONCE):
        some = ids[n : n + AT_ONCE]
        superseding.cancel_these(conn, some, now, reason=None, canceled_by=key)


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
