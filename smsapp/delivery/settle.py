"""What the outcome of a call makes of its delivery; one of the three hot writes."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select, update
from sqlalchemy.orm import aliased

from smsapp.delivery import holding, reconcile_times, retry, routes
from smsapp.delivery.call_results import CallResult
from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.holding import Held
from smsapp.delivery.routes import Way
from smsapp.delivery.states import FOLLOWS, advance
from smsapp.extensions import database_now
from smsapp.models import Attempt, AttemptState, Delivery, DeliveryState, Reason
from smsapp.providers.messages import Sent
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from smsapp.providers.twilio_errors import ErrorClass


@dataclass(frozen=True, slots=True)
class Settlement:
    """A delivery after its call."""

    delivery_id: uuid.UUID
    state: DeliveryState
    reason: Reason | None
    error_code: int | None
    sid: str | None
    held: Held = field(default_factory=Held)


_Newer = aliased(Attempt)
_CURRENT = (
    select(
        Attempt.id,
        Attempt.state.label("attempt_state"),
        Attempt.error_code.label("attempt_code"),
        Attempt.sid,
        Attempt.is_inferred,
        Delivery.state,
        Delivery.reason,
        Delivery.error_code,
        Delivery.route,
        Delivery.lease_token,
        exists()
        .where(_Newer.delivery_id == Attempt.delivery_id, _Newer.number > Attempt.number)
        .label("is_old"),
    )
    .join(Delivery, Delivery.id == Attempt.delivery_id)
    .where(Attempt.id.in_(bindparam("ids", expanding=True)))
    # Everyone who moves a delivery locks it first, in this order.
    .order_by(Delivery.id)
    .with_for_update(of=[Delivery, Attempt])
)
_SET_ATTEMPT = (
    update(Attempt)
    .where(Attempt.id == bindparam("of"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "state",
                "sid",
                "is_inferred",
                "error_code",
                "outcome",
                "trouble",
                "segments",
                "settled_at",
            )
        }
    )
)
_SET_DELIVERY = (
    update(Delivery)
    .where(Delivery.id == bindparam("of"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("state", "state_at", "reason", "error_code", "due_at", "tries", "check_at")
        }
        | {"lease_token": None, "lease_until": None, "absent_since": None}
    )
)


def settle(conn: Connection, rows: list[CallResult]) -> list[Settlement]:
    """Record how calls went, in any order with the receipts of the same messages.

    A state changes only where the lease still matches and no receipt has come; a SID is kept
    in any case.
    """
    now = database_now(conn)
    current = {
        row.id: row
        for row in conn.execute(_CURRENT, {"ids": [row.claim.attempt_id for row in rows]})
    }
    attempts = [_attempt_after(row, current[row.claim.attempt_id], now) for row in rows]
    conn.execute(_SET_ATTEMPT, attempts)
    deliveries, settled = [], []
    ways: dict[uuid.UUID, Way] = {}
    for row, attempt in zip(rows, attempts, strict=True):
        before = current[row.claim.attempt_id]
        held = holding.hold_or_release(conn, row, now)
        delivery = _delivery_after(row, before, attempt["new_state"], held, now)
        if delivery and _may_go_by_template(row, delivery):
            delivery = _columns(row, DeliveryState.PENDING, now, due_at=now, tries=0)
        elif delivery and _may_go_on(row, delivery, held):
            claim = row.claim
            way = routes.after(conn, before.route, claim.phone_key, claim.e164)
            if way:
                ways[claim.delivery_id] = way
                delivery = _columns(row, DeliveryState.PENDING, now, due_at=now, tries=0)
        if delivery:
            deliveries.append(delivery)
        settled.append(
            Settlement(
                row.claim.delivery_id,
                delivery["new_state"] if delivery else before.state,
                delivery["new_reason"] if delivery else before.reason,
                delivery["new_error_code"] if delivery else before.error_code,
                attempt["new_sid"],
                held,
            )
        )
    if deliveries:
        conn.execute(_SET_DELIVERY, deliveries)
    routes.take(conn, ways)
    return settled


def _attempt_after(row: CallResult, before: Any, now: datetime) -> dict[str, Any]:
    """Return an attempt's columns; a receipt that came first outranks what the call said."""
    state, code, sid, segments = before.attempt_state, before.attempt_code, before.sid, None
    if isinstance(row.outcome, Sent):
        if before.is_inferred and sid != row.outcome.sid:  # what we found was another's
            state, code = AttemptState.UNKNOWN, None
        state, code = advance(state, code, AttemptState.QUEUED, 0)
        sid, segments = row.outcome.sid, row.outcome.segments
    elif state in {AttemptState.SENDING, AttemptState.UNKNOWN}:
        unknown = isinstance(row.outcome, Unknown)
        state = AttemptState.UNKNOWN if unknown else AttemptState.FAILED
        code = row.code
    return {
        "of": before.id,
        "new_state": state,
        "new_sid": sid,
        "new_is_inferred": before.is_inferred and not isinstance(row.outcome, Sent),
        "new_error_code": code,
        "new_outcome": row.word,
        "new_trouble": row.trouble,
        "new_segments": segments,
        "new_settled_at": now,
    }


def _delivery_after(
    row: CallResult, before: Any, attempt: AttemptState, held: Held, now: datetime
) -> dict[str, Any] | None:
    """Return a delivery's columns, or None where it is no longer this call's to move."""
    leased = before.lease_token == row.claim.lease_token
    if row.meaning is None:
        # Told late that Twilio has it: still news where nobody knew, or where it was taken for
        # absent and waits to be sent again; but not where a receipt has told more.
        nobody_knew = before.attempt_state in {AttemptState.SENDING, AttemptState.UNKNOWN}
        waits = before.state in {DeliveryState.UNKNOWN, DeliveryState.PENDING}
        moves = leased or (waits and nobody_knew and not before.is_old)
        return _columns(row, FOLLOWS[attempt], now) if moves else None
    if not leased:
        return None
    if held.until:
        spent = row.claim.tries - 1
        return _columns(row, DeliveryState.PENDING, now, due_at=held.until, tries=spent)
    match row.meaning.error_class:
        case ErrorClass.UNKNOWN:
            return _columns(row, DeliveryState.UNKNOWN, now)
        case ErrorClass.OPT_OUT:
            return _columns(row, DeliveryState.SUPPRESSED, now, reason=Reason.OPTED_OUT)
        case ErrorClass.TRANSIENT if isinstance(row.outcome, Unwritten):
            # Twilio cannot be reached: nobody's fault, and over only when it is over.
            due = now
            if row.outcome.reason not in retry.HELD_BACK:
                due += retry.wait_for_twilio(row.claim.number)
            spent = row.claim.tries - 1
            return _columns(row, DeliveryState.PENDING, now, due_at=due, tries=spent)
        case ErrorClass.TRANSIENT:
            retry_after = row.outcome.retry_after if isinstance(row.outcome, Refused) else None
            if row.meaning.slows_sender:
                due = now + retry.wait_for_pace(row.claim.number, retry_after)
                spent = row.claim.tries - 1
                return _columns(row, DeliveryState.PENDING, now, due_at=due, tries=spent)
            wait = retry.wait(row.claim.tries, retry_after)
            if wait is not None:
                return _columns(row, DeliveryState.PENDING, now, due_at=now + wait)
            return _columns(row, DeliveryState.FAILED, now, reason=Reason.ATTEMPTS_SPENT)
        case _:
            return _columns(row, DeliveryState.FAILED, now, reason=Reason.REJECTED)


def _may_go_by_template(row: CallResult, delivery: dict[str, Any]) -> bool:
    """Whether its own words came too late for a window, and a template may do."""
    if row.meaning is None or not row.meaning.by_template or row.claim.template:
        return False
    failed = delivery["new_state"] is DeliveryState.FAILED
    return failed and CHANNELS[row.claim.channel].has_window


def _may_go_on(row: CallResult, delivery: dict[str, Any], held: Held) -> bool:
    """Whether another channel may do, where this one does not or not now."""
    if row.meaning is None or not row.meaning.elsewhere:
        return False
    return held.country is not None or delivery["new_state"] is DeliveryState.FAILED


def _columns(
    row: CallResult,
    state: DeliveryState,
    now: datetime,
    *,
    reason: Reason | None = None,
    due_at: datetime | None = None,
    tries: int | None = None,
) -> dict[str, Any]:
    return {
        "of": row.claim.delivery_id,
        "new_state": state,
        "new_state_at": now,
        "new_reason": reason,
        "new_error_code": row.code if reason else None,
        "new_due_at": due_at,
        "new_tries": row.claim.tries if tries is None else tries,
        "new_check_at": reconcile_times.next_reconcile_at(state, row.claim.channel, now),
    }
