"""The webhooks that wait: which are due, who sends them, and what came of it.

A lease that has lapsed means that it is sent again: the promise is at least once, and a caller
knows a repeat by its id. So whoever is killed loses nothing. About the same delivery an endpoint
hears in the order in which things happened, as long as it takes what it is told: what was tried in
vain lets the next pass.
"""

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, select, update
from sqlalchemy.orm import aliased

from smsapp import backoff
from smsapp.extensions import new_id
from smsapp.models import DisabledBecause, Webhook, WebhookEndpoint, WebhookState

log = logging.getLogger(__name__)

# Longer than a full lane takes with an endpoint that lets each of them wait for ten seconds.
LEASE = timedelta(minutes=3)
# After a try in vain 5, 10, 20 … seconds up to six hours, of which at least half: some thirteen
# tries in the first half day, and five a day from then on.
FIRST_WAIT = timedelta(seconds=5)
MAX_WAIT = timedelta(hours=6)
TRIED_FOR = timedelta(days=3)
# An endpoint that has taken nothing for so long is disabled.
FAILING_FOR = timedelta(days=1)

# Written out, so that both databases see that the partial indexes serve.
_PENDING: BindParameter[WebhookState] = bindparam(
    "pending", WebhookState.PENDING, literal_execute=True
)
_EARLIER = aliased(Webhook)
_OF_ENDPOINT = (
    Webhook.endpoint_id == bindparam("endpoint_id"),
    Webhook.state == _PENDING,
    Webhook.due_at <= bindparam("now"),
)
# What was earlier about the same and has not been tried yet, or is being tried for the first time.
# A subquery for each row, not EXISTS, which PostgreSQL may answer by comparing all with all.
_BEFORE_IT = (
    select(_EARLIER.id)
    .where(
        _EARLIER.record == Webhook.record,
        _EARLIER.endpoint_id == Webhook.endpoint_id,
        _EARLIER.id < Webhook.id,
        _EARLIER.state == _PENDING,
        _EARLIER.tries == 0,
    )
    .limit(1)
    .scalar_subquery()
)
_DUE = (
    select(Webhook.id)
    .where(*_OF_ENDPOINT, _BEFORE_IT.is_(None))
    .order_by(Webhook.due_at, Webhook.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=Webhook)
)
_LEASE = (
    update(Webhook)
    .where(Webhook.id.in_(bindparam("ids", expanding=True)))
    .values(due_at=bindparam("until"), lease_token=bindparam("token"))
    .returning(*Webhook.__table__.c)
)
_ENDPOINTS = select(WebhookEndpoint.__table__).where(WebhookEndpoint.disabled_at.is_(None))
_WITH_WORK = _ENDPOINTS.where(
    select(Webhook.id)
    .where(
        Webhook.endpoint_id == WebhookEndpoint.id,
        Webhook.state == _PENDING,
        Webhook.due_at <= bindparam("now"),
    )
    .limit(1)
    .scalar_subquery()
    .is_not(None)
)
_TAKEN = (
    update(Webhook)
    .where(Webhook.id.in_(bindparam("ids", expanding=True)), Webhook.state == WebhookState.PENDING)
    .values(
        state=WebhookState.TAKEN,
        due_at=None,
        lease_token=None,
        trouble=None,
        tries=Webhook.tries + 1,
        done_at=bindparam("now"),
    )
)
_HELD = update(Webhook).where(
    Webhook.id == bindparam("of"), Webhook.lease_token == bindparam("token")
)
_NOT_TAKEN = _HELD.values(
    state=bindparam("to"),
    due_at=bindparam("next"),
    done_at=bindparam("end"),
    lease_token=None,
    trouble=bindparam("word"),
    tries=Webhook.tries + 1,
    first_tried_at=func.coalesce(Webhook.first_tried_at, bindparam("now")),
)
_RELEASED = _HELD.values(due_at=bindparam("now"), lease_token=None)
_WORKS = (
    update(WebhookEndpoint)
    .where(WebhookEndpoint.id == bindparam("of"), WebhookEndpoint.failing_since.is_not(None))
    .values(failing_since=None)
)
_FAILS = (
    update(WebhookEndpoint)
    .where(WebhookEndpoint.id == bindparam("of"))
    .values(failing_since=func.coalesce(WebhookEndpoint.failing_since, bindparam("now")))
    .returning(WebhookEndpoint.failing_since, WebhookEndpoint.disabled_at)
)
_DISABLE = (
    update(WebhookEndpoint)
    .where(WebhookEndpoint.id == bindparam("of"))
    .values(disabled_at=bindparam("now"), disabled_because=DisabledBecause.FAILING)
)

# What came of one that was not sent at all; every other word is why it was not taken.
RELEASED = "released"
# What an endpoint answers that wants to hear nothing more, as Standard Webhooks says.
UNWANTED = "http_410"
# What it was about is not there any more, so there is nothing to tell.
GONE = "gone"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one that was claimed: None where it was taken, else a word."""

    webhook: Any
    trouble: str | None


def with_work(conn: Connection, now: datetime) -> Sequence[Any]:
    """Return the endpoints at which something is due."""
    return conn.execute(_WITH_WORK, {"now": now}).all()


def claim(conn: Connection, endpoint_id: uuid.UUID, most: int, now: datetime) -> list[Any]:
    """Lease up to so many of what is due at an endpoint; return the rows, the oldest first."""
    which = {"endpoint_id": endpoint_id, "most": most, "now": now}
    ids = conn.execute(_DUE, which).scalars().all()
    if not ids:
        return []
    lease = {"ids": ids, "until": now + LEASE, "token": new_id()}
    return sorted(conn.execute(_LEASE, lease).all(), key=lambda row: row.id)


def settle(conn: Connection, results: Collection[Result], now: datetime) -> None:
    """Write down what came of those that were claimed."""
    taken = [each.webhook for each in results if each.trouble is None]
    if taken:
        conn.execute(_TAKEN, {"ids": sorted(row.id for row in taken), "now": now})
    released = [each.webhook for each in results if each.trouble == RELEASED]
    if released:
        conn.execute(_RELEASED, [_held(row) | {"now": now} for row in released])
    rest = [each for each in results if each.trouble not in {None, RELEASED}]
    if rest:
        rest.sort(key=lambda each: each.webhook.id)
        conn.execute(_NOT_TAKEN, [_not_taken(each, now) for each in rest])
    works = {row.endpoint_id for row in taken}
    fails = {each.webhook.endpoint_id for each in rest if each.trouble != GONE} - works
    gone = {each.webhook.endpoint_id for each in rest if each.trouble == UNWANTED}
    for endpoint_id in sorted(works | fails):  # in one order: no two workers wait for each other
        if endpoint_id in works:
            conn.execute(_WORKS, {"of": endpoint_id})
        else:
            _note_failure(conn, endpoint_id, now, is_unwanted=endpoint_id in gone)


def _not_taken(result: Result, now: datetime) -> dict[str, Any]:
    row, tries = result.webhook, result.webhook.tries + 1
    wait = backoff.exponential(tries, FIRST_WAIT, MAX_WAIT) / 2
    due_at = now + wait + backoff.full_jitter(wait)
    is_dead = result.trouble == GONE or due_at > (row.first_tried_at or now) + TRIED_FOR
    return _held(row) | {
        "to": WebhookState.DEAD if is_dead else WebhookState.PENDING,
        "next": None if is_dead else due_at,
        "end": now if is_dead else None,
        "word": result.trouble,
        "now": now,
    }


def _held(row: Any) -> dict[str, Any]:
    return {"of": row.id, "token": row.lease_token}


def _note_failure(
    conn: Connection, endpoint_id: uuid.UUID, now: datetime, *, is_unwanted: bool
) -> None:
    """Note since when an endpoint takes nothing; disable it after a day, or when it asks to."""
    row = conn.execute(_FAILS, {"of": endpoint_id, "now": now}).one()
    is_over = is_unwanted or row.failing_since <= now - FAILING_FOR
    if row.disabled_at is None and is_over:
        conn.execute(_DISABLE, {"of": endpoint_id, "now": now})
        log.error("webhook endpoint disabled", extra={"endpoint": str(endpoint_id)})
