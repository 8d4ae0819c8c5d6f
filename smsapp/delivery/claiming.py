"""Claims: what is due is leased to whoever will send it now."""

import logging
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from smsapp.delivery import (
    channels,
    circuit_breaker,
    country_holds,
    daily_quota,
    leases,
    restore,
    routes,
    sender,
    throttle,
    windows,
)
from smsapp.delivery.leases import Claim, Rules
from smsapp.delivery.sender import SenderSettings
from smsapp.extensions import database_now, new_id
from smsapp.models import (
    Attempt,
    AttemptSource,
    Channel,
    Delivery,
    DeliveryState,
    Reason,
)
from smsapp.providers.channel import Provider, Template
from smsapp.recipients import permission, phones
from smsapp.recipients.permission import ConsentState

log = logging.getLogger(__name__)

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
        Delivery.channel,
        Delivery.route,
        Delivery.locale,
        Delivery.variables,
        Delivery.purpose,
        Delivery.waits_for_morning,
        Delivery.time_zone,
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
_NOWHERE = (
    update(Delivery)
    .where(_OF)
    .values(state=DeliveryState.FAILED, reason=Reason.NO_CHANNEL, due_at=None)
)
_POSTPONE = update(Delivery).where(_OF).values(due_at=bindparam("until"))


def claim(conn: Connection, most: int, rules: Rules, *, tests: bool = False) -> list[Claim]:
    """Lease up to `most` due deliveries and write their attempts, one channel after the other.

    Those of test keys, or all others: so that no test takes a real message's turn.
    """
    claims: list[Claim] = []
    for channel, of in rules.senders.items():
        if (channel is Channel.TEST) is tests and len(claims) < most:
            claims += _claim(conn, of, most - len(claims), rules)
    return claims


def _claim(conn: Connection, of: SenderSettings, most: int, rules: Rules) -> list[Claim]:
    """Lease up to `most` due deliveries, oldest first, and write their attempts.

    Permission is asked again, with the numbers locked, so that no attempt is committed after
    its number's STOP. A held sender lets one delivery through at a time, to try whether it
    works again; a held country likewise; a paused sender none; the throttle so many as it has
    reservations.
    """
    sender_state = sender.read_state(conn, of.name)
    if sender_state.is_paused:
        return []
    provider = channels.CHANNELS[of.channel]
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
    allowed = []
    for row in (row for row in free if refusals[row.id] is None):
        # It was due before: a worker was down, or it is tried again.
        until = leases.first_due(now, rules, row, numbers[row.phone_key] or "")
        if until > now:
            conn.execute(_POSTPONE, {"ids": [row.id], "until": until})
        else:
            allowed.append(row)
    addresses = provider.addresses(conn, numbers)
    said_by = _templates(conn, allowed, provider, rules, known, now)
    unreached = [row for row in allowed if row.phone_key not in addresses or row.id not in said_by]
    _go_on(conn, unreached, numbers, now)
    gone = {row.id for row in unreached}
    allowed = [row for row in allowed if row.id not in gone]
    texts = daily_quota.texts_today(conn, numbers, now)
    # A text that was tried today has its place already.
    is_counted = of.channel is not Channel.TEST
    ready: list[Any] = []
    late: list[Any] = []
    for row in allowed:
        was_tried = row.last_attempt_at and row.last_attempt_at >= daily_quota.midnight(now)
        has_quota = was_tried or row.kind in daily_quota.UNLIMITED or not is_counted
        may_leave = has_quota or daily_quota.reserve(texts, row.phone_key, rules.most_per_day)
        (ready if may_leave else late).append(row)
    if late:
        conn.execute(
            _POSTPONE, {"ids": [row.id for row in late], "until": daily_quota.next_day(now)}
        )
    waits = provider.not_before(conn, {row.phone_key for row in ready}, now)
    for row in ready:
        if row.phone_key in waits:
            conn.execute(_POSTPONE, {"ids": [row.id], "until": waits[row.phone_key]})
    ready = [row for row in ready if row.phone_key not in waits]
    countries = {key: row.country for key, row in phone.items()}
    ready, trying = country_holds.let_through(conn, of, sender_state, ready, countries, now)
    ready = restore.look_first(conn, ready, sender_state, now)
    if held and ready and not circuit_breaker.half_open(conn, of.name, sender_state.held_code, now):
        return []
    reservations = throttle.reserve_for_worker(conn, of, sender_state, len(ready), now)
    columns = leases.leased(now, rules.lease)
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
            address=addresses[row.phone_key] or "",
            country=phone[row.phone_key].country,
            phone_key=row.phone_key,
            purpose=row.purpose,
            body=row.body,
            locale=row.locale,
            kind=row.kind,
            event_id=row.event_id,
            expires_at=row.expires_at,
            call_at=call_at,
            template=said_by[row.id],
            is_half_open=held,
            tries_country=row.id in trying,
        )
        for row, call_at in zip(ready, reservations, strict=False)
    ]
    if claims:
        conn.execute(_LEASE.values(columns), {"ids": [claim.delivery_id for claim in claims]})
    leases.write_attempts(conn, claims, AttemptSource.WORKER, now)
    return claims


def _templates(
    conn: Connection,
    rows: list[Any],
    provider: Provider,
    rules: Rules,
    known: dict[str, ConsentState],
    now: datetime,
) -> dict[uuid.UUID, Template | None]:
    """Return by which template each of these is said; None for its own words.

    Those that cannot be said over the channel now are missing, and those of people who do not
    want it any more.
    """
    if not provider.has_window:
        return {row.id: None for row in rows}
    free = windows.open_for(conn, {row.phone_key for row in rows}, now)
    closed = windows.closed_for(conn, [row.id for row in rows if row.last_number])
    said_by: dict[uuid.UUID, Template | None] = {}
    for row in rows:
        is_free = row.phone_key in free and row.id not in closed
        may_answer = row.kind in windows.ANSWERS and is_free
        if not (may_answer or known[row.phone_key].agreed_to(Channel.WHATSAPP)):
            continue
        if is_free and len(row.body) <= windows.MAX_CHARACTERS:
            said_by[row.id] = None
        elif template := windows.template(rules.templates, row):
            said_by[row.id] = template
    return said_by


def _go_on(
    conn: Connection, rows: list[Any], numbers: dict[str, str | None], now: datetime
) -> None:
    """Let those whom this channel does not reach wait for the next, or fail without one."""
    ways = {
        row.id: routes.after(conn, row.route, row.phone_key, numbers[row.phone_key]) for row in rows
    }
    routes.take(conn, {delivery_id: way for delivery_id, way in ways.items() if way})
    if nowhere := [delivery_id for delivery_id, way in ways.items() if way is None]:
        conn.execute(_NOWHERE.values(state_at=now), {"ids": nowhere})
