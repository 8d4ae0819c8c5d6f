"""Writing receipts down: attempts and deliveries follow them forward only; a hot write."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, exists, or_, select, update
from sqlalchemy.orm import aliased

from smsapp.delivery import (
    receipt_effects,
    reconcile_times,
    rejected_receipts,
    routes,
)
from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.routes import Way
from smsapp.delivery.states import advance
from smsapp.extensions import database_now, insert_into, settings
from smsapp.models import (
    Attempt,
    AttemptState,
    Channel,
    Delivery,
    DeliveryState,
    Ignored,
    Phone,
    Receipt,
    ReceiptSource,
)


class Effect(StrEnum):
    """What a receipt did."""

    MOVED = "moved"  # the attempt is further than before
    KEPT = "kept"  # late or repeated: written down if new, moves nothing
    STRAY = "stray"  # of another account, of no attempt of ours, or with a SID of another message


def configured_waits() -> tuple[timedelta, ...]:
    """Return UNDELIVERED_RETRY_MINUTES as a IncomingReceipt carries it."""
    return tuple(timedelta(minutes=wait) for wait in settings().undelivered_retry_minutes)


@dataclass(frozen=True, slots=True)
class IncomingReceipt:
    """A receipt as it came. `attempt_id` is from our own URL; None where that was lost."""

    attempt_id: uuid.UUID | None
    sid: str
    status: str
    error_code: int  # 0: none
    source: ReceiptSource = ReceiptSource.RECEIPT
    # How long to wait before the first, the second… new attempt after one that was undelivered.
    retry_waits: tuple[timedelta, ...] = field(default_factory=configured_waits)
    account_sid: str | None = None  # whose it says it is; None where we asked for it ourselves


@dataclass(frozen=True, slots=True)
class HandledReceipt:
    """What one receipt did, and to which delivery."""

    effect: Effect
    delivery_id: uuid.UUID | None = None
    event_id: str | None = None
    kind: str | None = None
    channel: Channel | None = None
    phone_key: str | None = None
    e164: str | None = None
    country: str | None = None
    number: int | None = None
    started_at: datetime | None = None
    state: DeliveryState | None = None


_Newer = aliased(Attempt)
_CURRENT = (
    select(
        Attempt.id,
        Attempt.number,
        Attempt.channel,
        Attempt.sid,
        Attempt.is_inferred,
        Attempt.started_at,
        Attempt.state.label("attempt_state"),
        Attempt.error_code.label("attempt_code"),
        Attempt.template,
        Delivery.id.label("delivery_id"),
        Delivery.kind,
        Delivery.event_id,
        Delivery.phone_key,
        Delivery.route,
        Delivery.state,
        Delivery.error_code,
        Delivery.undelivered,
        Delivery.tries,
        Phone.e164,
        Phone.country,
        exists()
        .where(_Newer.delivery_id == Attempt.delivery_id, _Newer.number > Attempt.number)
        .label("is_old"),
    )
    .join(Delivery, Delivery.id == Attempt.delivery_id)
    .join(Phone, Phone.phone_key == Delivery.phone_key)
    .where(
        or_(
            Attempt.id.in_(bindparam("ids", expanding=True)),
            Attempt.sid.in_(bindparam("sids", expanding=True)),
        )
    )
    .order_by(Delivery.id)
    .with_for_update(of=[Delivery, Attempt])
)
_SET_ATTEMPT = (
    update(Attempt)
    .where(Attempt.id == bindparam("of"))
    .values(
        sid=bindparam("new_sid"),
        state=bindparam("new_state"),
        error_code=bindparam("code"),
        is_inferred=bindparam("inferred"),
    )
)
_SET_DELIVERY = (
    update(Delivery)
    .where(Delivery.id == bindparam("of"))
    .values(
        state=bindparam("new_state"),
        state_at=bindparam("now"),
        error_code=bindparam("code"),
        reason=None,
        due_at=bindparam("new_due_at"),
        undelivered=bindparam("new_undelivered"),
        tries=bindparam("new_tries"),
        lease_token=None,
        lease_until=None,
        check_at=bindparam("new_check_at"),
        absent_since=None,
    )
)


def record(conn: Connection, rows: list[IncomingReceipt]) -> list[HandledReceipt]:
    """Write receipts down and move their attempts and deliveries forward.

    A second copy changes nothing, and the order of a message's receipts makes no difference.
    """
    now = database_now(conn)
    ids = [row.attempt_id for row in rows if row.attempt_id]
    found = conn.execute(_CURRENT, {"ids": ids, "sids": [row.sid for row in rows]}).mappings()
    attempts = {row["id"]: dict(row) for row in found}
    by_sid = {row["sid"]: row for row in attempts.values() if row["sid"]}
    # Several attempts of one delivery may be in one batch: they share its state.
    deliveries = {
        row["delivery_id"]: {
            "of": row["delivery_id"],
            "new_state": row["state"],
            "code": row["error_code"],
            "new_due_at": None,
            "new_undelivered": row["undelivered"],
            "new_tries": row["tries"],
            "now": now,
        }
        for row in attempts.values()
    }
    results, receipts, moved_deliveries, changed_attempts = [], [], {}, {}
    strays = []
    ways: dict[uuid.UUID, Way] = {}
    for row in rows:
        attempt = receipt_effects.attempt_of(row.sid, row.attempt_id, attempts, by_sid)
        if attempt is None:
            results.append(HandledReceipt(Effect.STRAY))
            if row.attempt_id in attempts:
                strays.append(row)
            continue
        owner = by_sid.get(row.sid, attempt)
        if owner is not attempt:
            receipt_effects.take_back(owner, deliveries[owner["delivery_id"]])
            changed_attempts[owner["id"]] = owner
            moved_deliveries[owner["delivery_id"]] = deliveries[owner["delivery_id"]]
        by_sid[row.sid] = attempt
        receipts.append(
            {
                "attempt_id": attempt["id"],
                "status": row.status,
                "error_code": row.error_code,
                "source": row.source,
                "received_at": now,
            }
        )
        if attempt["is_inferred"] and attempt["sid"] != row.sid:  # what we found was another's
            receipt_effects.take_back(attempt, deliveries[attempt["delivery_id"]])
        before = (attempt["attempt_state"], attempt["attempt_code"])
        reported = CHANNELS[attempt["channel"]].state_of(row.status) or AttemptState.QUEUED
        after = advance(*before, reported, row.error_code)
        inferred = row.source is ReceiptSource.LOOK_UP and (
            attempt["sid"] is None or attempt["is_inferred"]
        )
        if after != before or attempt["sid"] is None or attempt["is_inferred"] != inferred:
            attempt |= {"sid": row.sid, "attempt_state": after[0], "attempt_code": after[1]}
            attempt["is_inferred"] = inferred
            changed_attempts[attempt["id"]] = attempt
        delivery = deliveries[attempt["delivery_id"]]
        if after != before and receipt_effects.move(delivery, attempt):
            way = receipt_effects.try_again(conn, delivery, attempt, row.retry_waits)
            if way:
                ways[delivery["of"]] = way
            moved_deliveries[delivery["of"]] = delivery
        results.append(_recorded(attempt, delivery, moved=after != before))
    if strays:
        rejected_receipts.write(conn, strays, Ignored.OTHER_MESSAGE)
    if any(result.effect is Effect.KEPT for result in results):
        rejected_receipts.write_repeats(conn, receipts)
    if receipts:
        conn.execute(insert_into(conn, Receipt).on_conflict_do_nothing(), receipts)
    if changed_attempts:
        columns = [
            {
                "of": attempt["id"],
                "new_sid": attempt["sid"],
                "new_state": attempt["attempt_state"],
                "code": attempt["attempt_code"],
                "inferred": attempt["is_inferred"],
            }
            for attempt in changed_attempts.values()
        ]
        columns.sort(key=lambda row: row["new_sid"] is not None)  # a SID is free before it is taken
        conn.execute(_SET_ATTEMPT, columns)
    if moved_deliveries:
        channels = {attempt["delivery_id"]: attempt["channel"] for attempt in attempts.values()}
        for delivery in moved_deliveries.values():
            delivery["new_check_at"] = reconcile_times.next_reconcile_at(
                delivery["new_state"], channels[delivery["of"]], now
            )
        conn.execute(_SET_DELIVERY, list(moved_deliveries.values()))
    routes.take(conn, {of: way for of, way in ways.items() if _still_goes_on(moved_deliveries[of])})
    return results


def _still_goes_on(delivery: dict[str, Any]) -> bool:
    """Whether no other receipt of the same commit says that it arrived after all."""
    return delivery["new_state"] is DeliveryState.PENDING


def _recorded(attempt: dict[str, Any], delivery: dict[str, Any], *, moved: bool) -> HandledReceipt:
    return HandledReceipt(
        Effect.MOVED if moved else Effect.KEPT,
        delivery_id=attempt["delivery_id"],
        event_id=attempt["event_id"],
        kind=attempt["kind"],
        channel=attempt["channel"],
        phone_key=attempt["phone_key"],
        e164=attempt["e164"],
        country=attempt["country"],
        number=attempt["number"],
        started_at=attempt["started_at"],
        state=delivery["new_state"],
    )
