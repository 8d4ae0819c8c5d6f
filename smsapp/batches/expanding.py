"""Expanding: rows of a started batch become deliveries, through the way of every event.

A few at a time: no more than leave within a second, and none while anything else is due. So an
event that comes in never waits behind a batch, the claim need not tell them apart, and a pause
holds a second later. Rows that wait for morning, or for a country that is held, wait here.

Each step is one commit: the deliveries, and that their rows are done. A process that is killed
leaves a row either waiting or accepted, and its event id makes a repeat harmless in any case.
"""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, or_, select, update

from smsapp.batches import draft as drafts
from smsapp.batches.draft import BadRow, Draft
from smsapp.delivery import channels, group_commit, leases, pace, sender
from smsapp.delivery.new_deliveries import Accepted, NewDelivery
from smsapp.delivery.sender import SenderState
from smsapp.events import accepting
from smsapp.extensions import database_now, db, reading
from smsapp.models import (
    Batch,
    BatchRow,
    BatchState,
    Channel,
    Delivery,
    DeliveryState,
    Phone,
    RowState,
)
from smsapp.recipients import phones

log = logging.getLogger(__name__)

# How far ahead rows become deliveries.
AHEAD = timedelta(seconds=1)
# Of the rate; the rest is for events, which then find room at once.
SHARE = 0.8
# Rows in one step; without MESSAGES_PER_SECOND also what waits at most.
MOST = 250
# How soon it is asked again whether what a batch has left with a sender has gone.
LOOK_AGAIN = timedelta(seconds=2)

_RUNNING = (
    select(Batch.id)
    .where(
        Batch.state == bindparam("running", BatchState.RUNNING, literal_execute=True),
        or_(Batch.look_at.is_(None), Batch.look_at <= bindparam("now")),
    )
    .order_by(Batch.started_at)
)
_WHOLE = select(Batch.__table__).where(Batch.id == bindparam("of"))
_LOCK = select(Batch.state).where(Batch.id == bindparam("of")).with_for_update()
# Up to so many deliveries that are due, or soon are.
_SOON = select(func.count()).select_from(
    select(Delivery.id)
    .where(Delivery.state == DeliveryState.PENDING, Delivery.due_at <= bindparam("soon"))
    .limit(bindparam("most"))
    .subquery()
)
_IS_WAITING = (
    BatchRow.batch_id == bindparam("of"),
    BatchRow.state == bindparam("waiting", RowState.WAITING, literal_execute=True),
)
_NEXT = (
    select(
        BatchRow.number,
        BatchRow.event_id,
        BatchRow.fields,
        BatchRow.phone_key,
        Phone.e164,
    )
    .join(Phone, Phone.phone_key == BatchRow.phone_key)
    .where(*_IS_WAITING, BatchRow.due_at <= bindparam("now"))
    .order_by(BatchRow.due_at, BatchRow.number)
    .limit(bindparam("most"))
)
_STILL = select(BatchRow.number).where(
    *_IS_WAITING, BatchRow.number.in_(bindparam("numbers", expanding=True))
)
_FIRST_DUE = select(BatchRow.due_at).where(*_IS_WAITING).order_by(BatchRow.due_at).limit(1)
_SET = update(BatchRow).where(
    BatchRow.batch_id == bindparam("of"), BatchRow.number == bindparam("row")
)
_SETTLE = _SET.values(
    state=bindparam("new_state"),
    delivery_id=bindparam("new_delivery"),
    faults=bindparam("new_faults"),
    fields=None,
    due_at=None,
)
_POSTPONE = _SET.values(due_at=bindparam("until"))
# From the few that are on their way, by the indexes of their times, and not from the many rows.
_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_THEIRS = (Delivery.id == BatchRow.delivery_id, BatchRow.batch_id == bindparam("of"))
_PENDING: Any = bindparam("pending", DeliveryState.PENDING, literal_execute=True)
_SENDING: Any = bindparam("sending", DeliveryState.SENDING, literal_execute=True)
_UNSENT = select(
    or_(
        exists().where(Delivery.state == _PENDING, Delivery.due_at <= _EVER, *_THEIRS),
        exists().where(Delivery.state == _SENDING, Delivery.lease_until <= _EVER, *_THEIRS),
    )
)


def tick() -> None:
    """Expand what may be expanded now, of all batches that run."""
    with reading() as conn:
        now = database_now(conn)
        running = list(conn.scalars(_RUNNING, {"now": now}))
    for batch_id in running:
        while expand(batch_id):
            pass


def expand(batch_id: uuid.UUID) -> int:
    """Take one step with a batch; return how many of its rows were dealt with.

    Events are made of rows outside of the transaction: nobody waits for that.
    """
    of = channels.sender_of(Channel.SMS)
    with reading() as conn:
        now = database_now(conn)
        state = sender.read_state(conn, of.name)
        most = _room(conn, state, of.per_second, now)
        batch = conn.execute(_WHOLE, {"of": batch_id}).one()
        rows = conn.execute(_NEXT, {"of": batch_id, "now": now, "most": most}).all() if most else []
    if rows:
        step = _step(batch, rows, state, _gap(state, of.per_second, now), now)
        return group_commit.write(db.engine, _write, step)
    if most:
        with db.engine.begin() as conn:
            _rest(conn, batch_id, now)
    return 0


def _room(conn: Connection, state: SenderState, per_second: float | None, now: datetime) -> int:
    """Return how many rows may become deliveries now."""
    if state.is_paused or state.is_held:
        return 0
    gap = _gap(state, per_second, now)
    most = min(MOST, max(1, int(AHEAD / gap))) if gap else MOST
    found = conn.execute(_SOON, {"soon": now + AHEAD, "most": most}).scalar_one()
    return most - int(found)


def _gap(state: SenderState, per_second: float | None, now: datetime) -> timedelta:
    rate = pace.rate(state, per_second, now)
    return timedelta(seconds=1 / (rate * SHARE)) if rate else timedelta()


@dataclass(slots=True)
class _Step:
    """What is to be written of some rows of a batch: what they have come to, or when they may.

    Attributes:
        of: The batch.
        accept: What writes events of its kind down.
        deliveries: By the numbers of their rows.
        phone_keys: Of all its rows.
        settled: Columns of rows that are no deliveries.
        postponed: Columns of rows that are due later.
    """

    of: uuid.UUID
    accept: Callable[[Connection, list[NewDelivery]], list[Accepted]]
    phone_keys: list[str]
    deliveries: dict[int, NewDelivery] = field(default_factory=dict)
    settled: list[dict[str, Any]] = field(default_factory=list)
    postponed: list[dict[str, Any]] = field(default_factory=list)


def _step(
    batch: Any, rows: Sequence[Any], state: SenderState, gap: timedelta, now: datetime
) -> _Step:
    draft = drafts.of_batch(batch)
    step = _Step(batch.id, draft.row_of_kinds.accept, [row.phone_key for row in rows])
    leaves_at = now
    for row in rows:
        if row.e164 is None:
            step.settled.append(_settled(batch.id, row.number, RowState.GONE))
            continue
        try:
            delivery = _delivery(draft, row, batch.api_key_id)
        except BadRow as bad:  # its time is over by now
            step.settled.append(_settled(batch.id, row.number, RowState.FAULTY, faults=bad.faults))
            continue
        due_at = _due(delivery, state, now)
        if due_at > now + AHEAD:
            step.postponed.append({"of": batch.id, "row": row.number, "until": due_at})
            continue
        step.deliveries[row.number] = replace(delivery, send_at=max(leaves_at, due_at))
        leaves_at += gap
    return step


def _write(conn: Connection, steps: list[_Step]) -> list[int]:
    """Write steps down, as far as they still hold. For group_commit."""
    return [_write_step(conn, step) for step in steps]


def _write_step(conn: Connection, step: _Step) -> int:
    if conn.scalar(_LOCK, {"of": step.of}) is not BatchState.RUNNING:
        return 0
    # First: whoever is erased meanwhile takes their rows along.
    phones.lock(conn, step.phone_keys)
    numbers = [*step.deliveries, *(row["row"] for row in (*step.settled, *step.postponed))]
    still = set(conn.scalars(_STILL, {"of": step.of, "numbers": numbers}))
    deliveries = {n: delivery for n, delivery in step.deliveries.items() if n in still}
    settled = [row for row in step.settled if row["row"] in still]
    postponed = [row for row in step.postponed if row["row"] in still]
    if deliveries:
        accepted = step.accept(conn, list(deliveries.values()))
        settled += [
            _settled(step.of, number, _state(its), its.delivery_id)
            for number, its in zip(deliveries, accepted, strict=True)
        ]
    if settled:
        conn.execute(_SETTLE, settled)
    if postponed:
        conn.execute(_POSTPONE, postponed)
    return len(still)


def _delivery(draft: Draft, row: Any, api_key_id: int | None) -> NewDelivery:
    event = drafts.of_row(draft, row, row.e164)
    return accepting.new_delivery(draft.row_of_kinds, event, api_key_id, send_now=False)


def _due(delivery: NewDelivery, state: SenderState, now: datetime) -> datetime:
    """Return when a row may leave: what waits for morning, or is held, waits as a row."""
    at = max(now, delivery.send_at or now)
    due_at = leases.first_due(at, delivery.rules, delivery, delivery.e164)
    hold = state.hold_of(delivery.e164)
    return max(due_at, hold.probe_at) if hold else due_at


def _state(accepted: Accepted) -> RowState:
    if not accepted.is_duplicate:
        return RowState.ACCEPTED
    return RowState.DUPLICATE if accepted.same_content else RowState.REUSED


def _settled(
    batch_id: uuid.UUID,
    number: int,
    state: RowState,
    delivery_id: uuid.UUID | None = None,
    faults: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    return {
        "of": batch_id,
        "row": number,
        "new_state": state,
        "new_delivery": delivery_id,
        "new_faults": faults,
    }


def _rest(conn: Connection, batch_id: uuid.UUID, now: datetime) -> None:
    """Say when to look at a batch again of which nothing is due, or that all of it has left."""
    if conn.scalar(_LOCK, {"of": batch_id}) is not BatchState.RUNNING:
        return
    first = conn.scalar(_FIRST_DUE, {"of": batch_id})
    if first is None and not conn.scalar(_UNSENT, {"of": batch_id}):
        columns: dict[str, Any] = {"state": BatchState.DONE, "ended_at": now, "look_at": None}
        log.info("batch done", extra={"batch": str(batch_id)})
    else:
        columns = {"look_at": first or now + LOOK_AGAIN}
    conn.execute(update(Batch).where(Batch.id == batch_id).values(columns))
