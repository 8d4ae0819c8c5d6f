"""The outbox: deliveries are written down here before anything is promised.

The row is the job. Unsent deliveries are the outbox, and there is no second queue to lose one
or to repeat one.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from smsapp.delivery import leases, restore, sender, throttle
from smsapp.delivery.leases import Claim, Rules
from smsapp.extensions import database_now, insert_into, new_id
from smsapp.models import (
    Attempt,
    AttemptSource,
    ConsentAction,
    ConsentSource,
    Delivery,
    DeliveryState,
    Reason,
)
from smsapp.phone import country
from smsapp.recipients import consent, permission, phones
from smsapp.recipients.consent import Entry
from smsapp.recipients.permission import ConsentState
from smsapp.recipients.purposes import TOLD_BY_SERVICE


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to accept; with send_now its first attempt is leased in the same commit."""

    kind: str
    event_id: str
    content_hash: str
    phone_key: str
    e164: str
    purpose: str
    subject: str
    body: str
    consent_at: datetime | None
    max_age: timedelta
    api_key_id: int | None
    send_now: bool
    rules: Rules

    @property
    def event(self) -> tuple[str, str]:
        """Return the idempotency key: an event id is unique per kind of event."""
        return self.kind, self.event_id


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of one NewDelivery.

    `claim` is set where the caller now has to send. `same_content` is False where the event id
    came before with something else.
    """

    delivery_id: uuid.UUID
    state: DeliveryState
    is_duplicate: bool = False
    same_content: bool = True
    reason: Reason | None = None
    error_code: int | None = None
    sid: str | None = None
    claim: Claim | None = None


_WHICH = (
    select(Delivery.id)
    .where(Delivery.id.in_(bindparam("ids", expanding=True)))
    .order_by(Delivery.id)
)
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
        body=bindparam("new_body"),  # it may have been blanked since
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
    numbers = {row.phone_key: row.e164 for row in [*new.values(), *spent]}
    phones.remember_and_lock(conn, numbers)
    now = database_now(conn)
    known = permission.consent_states(conn, numbers, rows[0].rules.allowed)
    fresh = _accept_new(conn, new, known, now)
    answers = []
    for row in rows:
        if new.get(row.event) is row and row.event in fresh:
            answers.append(fresh[row.event])
            continue
        if row.event not in seen:  # come in with this batch, or in another process since we looked
            seen |= _seen(conn, {row.event})
        if _is_spent(seen[row.event], row):
            refusal = _refusal(known, row)
            seen[row.event] = _queue_again(conn, seen[row.event], row, refusal, now)
        answers.append(_repeat(seen[row.event], row.content_hash))
    return answers


def _accept_new(
    conn: Connection,
    new: dict[tuple[str, str], NewDelivery],
    known: dict[str, ConsentState],
    now: datetime,
) -> dict[tuple[str, str], Accepted]:
    """Write deliveries of events not seen before, and the attempts of those to send at once.

    Another process may have been quicker: its events are missing from what is returned.
    """
    if not new:
        return {}
    rules = next(iter(new.values())).rules
    texts = leases.texts_today(conn, {row.phone_key for row in new.values()}, now)
    sender_state = sender.read_state(conn, rules.sender)
    wanted = sum(row.send_now for row in new.values())
    reservations = throttle.reserve_for_requests(
        conn, rules.sender, sender_state, rules.per_second, wanted, now
    )
    lease = leases.leased(now, rules.lease) | {"tries": 1}
    written: dict[uuid.UUID, tuple[NewDelivery, dict[str, Any]]] = {}
    call_at: dict[uuid.UUID, float] = {}
    # Sorted, so that two processes cannot wait for each other's rows in a circle.
    for event in sorted(new):
        row = new[event]
        refusal = _refusal(known, row)
        values = _new_row(row, refusal, now)
        if refusal is None and restore.is_perhaps_known(sender_state, now):
            values |= restore.unknown(sender_state, now)
        elif row.send_now and refusal is None and reservations:
            if leases.reserve_daily_quota(texts, row.phone_key, rules):
                values |= lease
                call_at[values["id"]] = reservations.pop(0)
            else:
                values["due_at"] = leases.next_day(now)
        written[values["id"]] = row, values
    columns = [values for _, values in written.values()]
    insert = insert_into(conn, Delivery).on_conflict_do_nothing(index_elements=["kind", "event_id"])
    conn.execute(insert, columns)
    inserted = conn.execute(_WHICH, {"ids": list(written)}).scalars().all()
    fresh = {}
    for row, values in map(written.__getitem__, inserted):
        claim = _claim(row, values, call_at.get(values["id"], 0.0))
        fresh[row.event] = Accepted(
            values["id"], values["state"], reason=values["reason"], claim=claim
        )
    _note_consent(conn, [new[event] for event in fresh], known, now)
    claims = [accepted.claim for accepted in fresh.values() if accepted.claim]
    leases.write_attempts(conn, claims, AttemptSource.REQUEST, now)
    restore.write_attempts(
        conn, [written[delivery_id][1] for delivery_id in inserted], sender_state
    )
    return fresh


def _refusal(known: dict[str, ConsentState], row: NewDelivery) -> Reason | None:
    brings = row.consent_at is not None
    return permission.may_text(known[row.phone_key], row.purpose, brings_consent=brings).refusal


def _note_consent(
    conn: Connection, rows: list[NewDelivery], known: dict[str, ConsentState], now: datetime
) -> None:
    """Let the consent that events bring along fill ledgers that say nothing of their purpose.

    An erased person's stays as it is, whatever a service says.
    """
    told: dict[tuple[str, str], Entry] = {}
    for row in rows:
        of_phone = known[row.phone_key]
        silent = all(entry.purpose != row.purpose for entry in of_phone.consents)
        if silent and row.consent_at and not of_phone.was_erased:
            told.setdefault(
                (row.phone_key, row.purpose),
                Entry(
                    row.purpose,
                    ConsentAction.GRANTED,
                    ConsentSource.API,
                    TOLD_BY_SERVICE,
                    since=row.consent_at,
                ),
            )
    consent.append(
        conn,
        rows[0].rules.ledger_key if rows else b"",
        [(phone_key, entry) for (phone_key, _), entry in told.items()],
        {phone_key: list(known[phone_key].consents) for phone_key, _ in told},
        now,
    )


def _new_row(row: NewDelivery, refusal: Reason | None, now: datetime) -> dict[str, Any]:
    """Return the columns of a delivery that is suppressed or waits for a sender."""
    return {
        "id": new_id(),
        "kind": row.kind,
        "event_id": row.event_id,
        "content_hash": row.content_hash,
        "phone_key": row.phone_key,
        "purpose": row.purpose,
        "subject": row.subject,
        "order_id": row.subject,  # for older code
        "body": row.body,
        "consent_at": row.consent_at,
        "api_key_id": row.api_key_id,
        "state": DeliveryState.SUPPRESSED if refusal else DeliveryState.PENDING,
        "state_at": now,
        "reason": refusal,
        "error_code": None,
        "tries": 0,
        "undelivered": 0,
        "expires_at": now + row.max_age,
        "due_at": None if refusal else now,
        "lease_token": None,
        "lease_until": None,
        "last_attempt_at": None,
        "check_at": None,
        "absent_since": None,
        "blanked_at": None,
        "created_at": now,
    }


def _claim(row: NewDelivery, values: dict[str, Any], call_at: float) -> Claim | None:
    if values["state"] is not DeliveryState.SENDING:
        return None
    return Claim(
        delivery_id=values["id"],
        attempt_id=new_id(),
        number=1,
        tries=1,
        lease_token=values["lease_token"],
        sender=row.rules.sender,
        e164=row.e164,
        country=country(row.e164),
        phone_key=row.phone_key,
        purpose=row.purpose,
        body=row.body,
        kind=row.kind,
        event_id=row.event_id,
        expires_at=values["expires_at"],
        call_at=call_at,
    )


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
    )


def _queue_again(
    conn: Connection, seen: Any, row: NewDelivery, refusal: Reason | None, now: datetime
) -> Any:
    """Give a delivery whose attempts were spent a fresh allowance; return it as it now is."""
    conn.execute(
        _QUEUE_AGAIN,
        {
            "of": seen.id,
            "new_state": DeliveryState.SUPPRESSED if refusal else DeliveryState.PENDING,
            "new_reason": refusal,
            "new_due": None if refusal else now,
            "new_expiry": now + row.max_age,
            "new_body": row.body,
            "now": now,
        },
    )
    return _seen(conn, {(seen.kind, seen.event_id)})[seen.kind, seen.event_id]
