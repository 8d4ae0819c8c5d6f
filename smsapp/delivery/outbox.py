"""The outbox: deliveries are written down here before anything is promised.

The row is the job. Unsent deliveries are the outbox, and there is no second queue to lose one
or to repeat one.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from smsapp.delivery import first_texts, new_deliveries, superseding
from smsapp.delivery.new_deliveries import Accepted, NewDelivery
from smsapp.extensions import database_now
from smsapp.models import (
    Attempt,
    Channel,
    Delivery,
    DeliveryState,
    Reason,
)
from smsapp.recipients import mail, permission, phones

_NEWEST_SID = (
    select(Attempt.sid)
    .where(Attempt.delivery_id == Delivery.id, Attempt.sid.is_not(None))
    .order_by(Attempt.number.desc())
    .limit(1)
    .scalar_subquery()
)
_BY_EVENT = select(
    Delivery.kind,
    Delivery.event_id,
    Delivery.id,
    Delivery.content_hash,
    Delivery.state,
    Delivery.reason,
    Delivery.error_code,
    Delivery.due_at,
    Delivery.channel,
    _NEWEST_SID.label("sid"),
).where(
    # Not pairs of kind and event id: SQLite would look at every row there is.
    Delivery.kind == bindparam("of_kind"),
    Delivery.event_id.in_(bindparam("event_ids", expanding=True)),
)
_QUEUE_AGAIN = (
    update(Delivery)
    .where(
        Delivery.id == bindparam("of"),
        Delivery.state == DeliveryState.FAILED,
        Delivery.reason == Reason.ATTEMPTS_SPENT,
    )
    .values(
        state=bindparam("new_state"),
        reason=bindparam("new_reason"),
        due_at=bindparam("new_due"),
        state_at=bindparam("now"),
        expires_at=bindparam("new_expiry"),
        body=bindparam("new_body"),  # it may have been blanked since, and the next
        metadata=bindparam("new_metadata"),
        blanked_at=None,
        error_code=None,
        tries=0,
        undelivered=0,
    )
)


def accept(conn: Connection, rows: list[NewDelivery]) -> list[Accepted]:
    """Write deliveries down, each under its event id, and say what is now to be done.

    A new one is suppressed, pending or, with send_now, already leased with its first attempt.
    One seen before is left as it is; only where its attempts were spent is it queued again.
    """
    seen = _seen(conn, {row.event for row in rows})
    # Of two rows of one event the first is new, and the other finds it there.
    new = {row.event: row for row in reversed(rows) if row.event not in seen}
    spent = [row for row in rows if row.event in seen and _is_spent(seen[row.event], row)]
    if not new and not spent:
        return [_repeat(seen[row.event], row.content_hash) for row in rows]
    to_write = [*new.values(), *spent]
    numbers = {row.phone_key: row.e164 for row in to_write}
    phones.remember_and_lock(conn, numbers, {row.phone_key for row in to_write if row.is_test})
    now = database_now(conn)
    if addresses := {row.phone_key: row.email for row in to_write if row.email}:
        mail.remember(conn, addresses, now)
    known = permission.consent_states(conn, numbers, rows[0].rules.allowed)
    untexted = first_texts.untexted(conn, {row.phone_key for row in to_write if row.if_first}, now)
    fresh = new_deliveries.write(conn, new, known, untexted, now)
    answers = []
    for row in rows:
        if new.get(row.event) is row and row.event in fresh:
            answers.append(fresh[row.event])
            continue
        if row.event not in seen:  # come in with this batch, or in another process since we looked
            seen |= _seen(conn, {row.event})
        if _is_spent(seen[row.event], row):
            refusal = new_deliveries.refusal(known, row)
            told = superseding.told(conn, row.superseded_by, [row.subject])
            ending = first_texts.ending(row.phone_key, "" if refusal else row.if_first, untexted)
            seen[row.event] = _queue_again(
                conn,
                seen[row.event],
                row,
                refusal,
                None if refusal else new_deliveries.canceled(row, told),
                row.body + ending,
                now,
            )
        answers.append(_repeat(seen[row.event], row.content_hash))
    return answers


def _seen(conn: Connection, events: Collection[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    by_kind: dict[str, list[str]] = {}
    for kind, event_id in sorted(events):
        by_kind.setdefault(kind, []).append(event_id)
    return {
        (kind, row.event_id): row
        for kind, event_ids in by_kind.items()
        for row in conn.execute(_BY_EVENT, {"of_kind": kind, "event_ids": event_ids})
    }


def _is_spent(seen: Any, row: NewDelivery) -> bool:
    """Whether this repeat queues its delivery again."""
    return seen.reason is Reason.ATTEMPTS_SPENT and seen.content_hash == row.content_hash


def _repeat(seen: Any, content_hash: str) -> Accepted:
    return Accepted(
        seen.id,
        seen.state,
        is_duplicate=True,
        same_content=seen.content_hash == content_hash,
        reason=seen.reason,
        error_code=seen.error_code,
        sid=seen.sid,
        due_at=seen.due_at,
        is_test=seen.channel is Channel.TEST,
    )


def _queue_again(
    conn: Connection,
    seen: Any,
    row: NewDelivery,
    refusal: Reason | None,
    canceled: Reason | None,
    body: str,
    now: datetime,
) -> Any:
    """Give a delivery whose attempts were spent a fresh allowance; return it as it now is."""
    state = DeliveryState.SUPPRESSED if refusal else DeliveryState.PENDING
    conn.execute(
        _QUEUE_AGAIN,
        {
            "of": seen.id,
            "new_state": DeliveryState.CANCELED if canceled else state,
            "new_reason": refusal or canceled,
            "new_due": None if refusal or canceled else now,
            "new_expiry": now + row.max_age,
            "new_body": body,
            "new_metadata": row.metadata,
            "now": now,
        },
    )
    return _seen(conn, {(seen.kind, seen.event_id)})[seen.kind, seen.event_id]
