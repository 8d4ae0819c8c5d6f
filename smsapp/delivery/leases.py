"""Who may send a delivery now: claims of what is due, each under a lease that lapses.

A lapsed lease means that the outcome of a call is not known, never that it may be repeated.
"""

import logging
import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from smsapp.delivery import channels, circuit_breaker, restore, sender, throttle
from smsapp.delivery.sender import SenderSettings
from smsapp.extensions import database_now, new_id, settings
from smsapp.models import (
    Attempt,
    AttemptSource,
    AttemptState,
    CallOutcome,
    Channel,
    Delivery,
    DeliveryState,
)
from smsapp.recipients import permission, phones

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about sending; the same for all rows of a process."""

    senders: Mapping[Channel, SenderSettings]
    lease: timedelta
    most_per_day: int
    allowed: frozenset[str]
    ledger_key: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased delivery and its attempt: all that the call needs, without the database."""

    delivery_id: uuid.UUID
    attempt_id: uuid.UUID
    number: int
    tries: int
    lease_token: uuid.UUID
    channel: Channel
    sender: str
    e164: str
    country: str
    phone_key: str
    purpose: str
    body: str
    kind: str
    event_id: str
    expires_at: datetime
    call_at: float = 0.0  # by monotonic(): its reservation of the throttle; 0.0 for at once
    is_half_open: bool = False  # whether it tries if a held sender works again
    claimed_at: float = field(default_factory=time.monotonic)


_TEXTS_SINCE = (
    select(Delivery.phone_key, func.count())
    .where(
        Delivery.phone_key.in_(bindparam("phone_keys", expanding=True)),
        Delivery.last_attempt_at >= bindparam("since"),
    )
    .group_by(Delivery.phone_key)
)
_INSERT_ATTEMPT = insert(Attempt)

# SKIP LOCKED, here and for the numbers: a row that another worker claims, or a STOP is at work
# on, is left for the next claim, so that a claim never waits and nobody waits in a circle.
_LAST_NUMBER = (
    select(func.coalesce(func.max(Attempt.number), 0))
    .where(Attempt.delivery_id == Delivery.id)
    .scalar_subquery()
)
_DUE = (
    select(
        Delivery.id,
        Delivery.kind,
        Delivery.event_id,
        Delivery.body,
        Delivery.tries,
        Delivery.phone_key,
        Delivery.purpose,
        Delivery.expires_at,
        Delivery.last_attempt_at,
        Delivery.created_at,
        _LAST_NUMBER.label("last_number"),
    )
    .where(
        Delivery.state == DeliveryState.PENDING,
        Delivery.due_at <= bindparam("now"),
        Delivery.channel == bindparam("channel"),
    )
    .order_by(Delivery.due_at)
    .limit(bindparam("most"))
    .with_for_update(of=Delivery, skip_locked=True)
)
_OF = Delivery.id.in_(bindparam("ids", expanding=True))
_LEASE = update(Delivery).where(_OF).values(tries=Delivery.tries + 1)
_SUPPRESS = update(Delivery).where(_OF).values(state=DeliveryState.SUPPRESSED, due_at=None)
_EXPIRE = update(Delivery).where(_OF).values(state=DeliveryState.EXPIRED, due_at=None)
_POSTPONE = update(Delivery).where(_OF).values(due_at=bindparam("until"))
_LAPSED = (
    select(Delivery.id)
    .where(Delivery.state == DeliveryState.SENDING, Delivery.lease_until < bindparam("now"))
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_LAPSE = (
    update(Delivery)
    .where(Delivery.id.in_(_LAPSED), Delivery.state == DeliveryState.SENDING)
    .values(
        state=DeliveryState.UNKNOWN,
        state_at=bindparam("now"),
        lease_token=None,
        lease_until=None,
        check_at=bindparam("now"),
        absent_since=None,
    )
    .returning(Delivery.id, Delivery.event_id, Delivery.kind)
)
_LAPSE_ATTEMPTS = (
    update(Attempt)
    .where(
        Attempt.delivery_id == bindparam("of"),
        Attempt.state == AttemptState.SENDING,
    )
    .values(
        state=AttemptState.UNKNOWN,
        outcome=CallOutcome.UNKNOWN,
        trouble="lease",
        settled_at=bindparam("now"),
    )
)


def rules() -> Rules:
    """Return what the running app's settings say about sending."""
    config = settings()
    return Rules(
        channels.senders(),
        timedelta(seconds=config.lease_seconds),
        config.max_texts_per_number_per_day,
        config.allowed_recipients,
        config.ledger_key,
    )


def leased(now: datetime, lease: timedelta) -> dict[str, Any]:
    """Return the columns of a delivery that its caller alone may now send."""
    return {
        "state": DeliveryState.SENDING,
        "state_at": now,
        "due_at": None,
        "lease_token": new_id(),
        "lease_until": now + lease,
        "last_attempt_at": now,
    }


def write_attempts(
    conn: Connection, claims: list[Claim], source: AttemptSource, now: datetime
) -> None:
    """Write the attempts of claims, before any of them calls Twilio."""
    rows = [
        {
            "id": claim.attempt_id,
            "delivery_id": claim.delivery_id,
            "number": claim.number,
            "source": source,
            "channel": claim.channel,
            "state": AttemptState.SENDING,
            "started_at": now,
        }
        for claim in claims
    ]
    if rows:
        conn.execute(_INSERT_ATTEMPT, rows)


def texts_today(conn: Connection, phone_keys: Collection[str], now: datetime) -> Counter[str]:
    """Return how many texts were tried to each of these numbers since midnight."""
    found = conn.execute(_TEXTS_SINCE, {"phone_keys": list(phone_keys), "since": _midnight(now)})
    return Counter({row.phone_key: row[1] for row in found})


def reserve_daily_quota(texts: Counter[str], phone_key: str, rules: Rules) -> bool:
    """Count one more text to a number; return False where the day's are used up.

    MAX_TEXTS_PER_NUMBER_PER_DAY stops a service that loops before a customer is buried.
    """
    if texts[phone_key] >= rules.most_per_day:
        log.warning("daily limit of a number reached", extra={"phone_key": phone_key})
        return False
    texts[phone_key] += 1
    return True


def next_day(now: datetime) -> datetime:
    """Return when a number's texts are counted afresh."""
    return _midnight(now) + timedelta(days=1)


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def claim(conn: Connection, most: int, rules: Rules) -> list[Claim]:
    """Lease up to `most` due deliveries and write their attempts, one channel after the other."""
    claims: list[Claim] = []
    for of in rules.senders.values():
        if len(claims) < most:
            claims += _claim(conn, of, most - len(claims), rules)
    return claims


def _claim(conn: Connection, of: SenderSettings, most: int, rules: Rules) -> list[Claim]:
    """Lease up to `most` due deliveries, oldest first, and write their attempts.

    Permission is asked again, with the numbers locked, so that no attempt is committed after
    its number's STOP. A held sender lets one delivery through at a time, to try whether it
    works again; a paused one none; the throttle so many as it has reservations.
    """
    sender_state = sender.read_state(conn, of.name)
    if sender_state.is_paused:
        return []
    now = database_now(conn)
    held = sender_state.is_held
    due = list(conn.execute(_DUE, {"now": now, "most": 1 if held else most, "channel": of.channel}))
    if expired := [row.id for row in due if row.expires_at <= now]:
        conn.execute(_EXPIRE.values(state_at=now), {"ids": expired})
        log.warning("expired before they could be sent", extra={"count": len(expired)})
        due = [row for row in due if row.expires_at > now]
    if not due:
        return []
    phone = phones.lock_what_is_free(conn, {row.phone_key for row in due})
    numbers = {key: row.e164 for key, row in phone.items()}
    now = database_now(conn)
    known = permission.consent_states(conn, numbers, rules.allowed)
    free = [row for row in due if row.phone_key in numbers]
    refusals = {
        row.id: permission.may_text(known[row.phone_key], row.purpose).refusal for row in free
    }
    for reason in set(refusals.values()) - {None}:
        ids = [delivery_id for delivery_id, refusal in refusals.items() if refusal is reason]
        conn.execute(_SUPPRESS.values(state_at=now, reason=reason), {"ids": ids})
    allowed = [row for row in free if refusals[row.id] is None]
    texts = texts_today(conn, numbers, now)
    # A text that was tried today has its place already.
    ready: list[Any] = []
    late: list[Any] = []
    for row in allowed:
        has_quota = row.last_attempt_at and row.last_attempt_at >= _midnight(now)
        may_leave = has_quota or reserve_daily_quota(texts, row.phone_key, rules)
        (ready if may_leave else late).append(row)
    if late:
        conn.execute(_POSTPONE, {"ids": [row.id for row in late], "until": next_day(now)})
    waits = channels.CHANNELS[of.channel].not_before(conn, {row.phone_key for row in ready}, now)
    for row in ready:
        if row.phone_key in waits:
            conn.execute(_POSTPONE, {"ids": [row.id], "until": waits[row.phone_key]})
    ready = [row for row in ready if row.phone_key not in waits]
    ready = restore.look_first(conn, ready, sender_state, now)
    if held and ready and not circuit_breaker.half_open(conn, of.name, sender_state.held_code, now):
        return []
    reservations = throttle.reserve_for_worker(conn, of, sender_state, len(ready), now)
    columns = leased(now, rules.lease)
    claims = [
        Claim(
            delivery_id=row.id,
            attempt_id=new_id(),
            number=row.last_number + 1,
            tries=row.tries + 1,
            lease_token=columns["lease_token"],
            channel=of.channel,
            sender=of.name,
            e164=numbers[row.phone_key] or "",  # may_text has refused those we no longer know
            country=phone[row.phone_key].country,
            phone_key=row.phone_key,
            purpose=row.purpose,
            body=row.body,
            kind=row.kind,
            event_id=row.event_id,
            expires_at=row.expires_at,
            call_at=call_at,
            is_half_open=held,
        )
        for row, call_at in zip(ready, reservations, strict=False)
    ]
    if claims:
        conn.execute(_LEASE.values(columns), {"ids": [claim.delivery_id for claim in claims]})
    write_attempts(conn, claims, AttemptSource.WORKER, now)
    return claims


def lapse(conn: Connection) -> int:
    """Make deliveries whose lease has lapsed `unknown`; return how many.

    Their process was killed, or hung, before it could say how the call went.
    """
    now = database_now(conn)
    lapsed = conn.execute(_LAPSE, {"now": now}).all()
    if lapsed:
        conn.execute(_LAPSE_ATTEMPTS, [{"of": row.id, "now": now} for row in lapsed])
    for row in lapsed:
        log.warning(
            "lease lapsed",
            extra={"delivery": str(row.id), "event_id": row.event_id, "kind": row.kind},
        )
    return len(lapsed)
