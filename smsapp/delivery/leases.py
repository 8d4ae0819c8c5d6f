"""Leases: who may send a delivery now, and for how long.

A lapsed lease means that the outcome of a call is not known, never that it may be repeated.
"""

import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, insert, select, update

from smsapp import quiet_hours
from smsapp.delivery import channels
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
from smsapp.providers.channel import Template
from smsapp.quiet_hours import QuietHours

log = logging.getLogger(__name__)


# They wake nobody.
SILENT = frozenset({Channel.EMAIL})


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about sending; the same for all rows of a process."""

    senders: Mapping[Channel, SenderSettings]  # that of tests is always there
    lease: timedelta
    most_per_day: int
    allowed: frozenset[str]
    quiet_hours: QuietHours | None
    ledger_key: bytes
    templates: Mapping[str, Mapping[str, str]]  # {kind: {language: Content SID}}


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
    address: str  # where the channel reaches them
    country: str
    phone_key: str
    purpose: str
    body: str
    locale: str | None
    kind: str
    event_id: str
    expires_at: datetime
    call_at: float = 0.0  # by monotonic(): its reservation of the throttle; 0.0 for at once
    is_half_open: bool = False  # whether it tries if a held sender works again
    tries_country: bool = False  # whether it tries if its country, which is held, does
    template: Template | None = None
    claimed_at: float = field(default_factory=time.monotonic)


_INSERT_ATTEMPT = insert(Attempt)


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
        channels.senders() | {Channel.TEST: channels.sender_of(Channel.TEST)},
        timedelta(seconds=config.lease_seconds),
        config.max_texts_per_number_per_day,
        config.allowed_recipients,
        config.quiet_hours,
        config.ledger_key,
        config.whatsapp_templates,
    )


def first_due(at: datetime, rules: Rules, row: Any, e164: str) -> datetime:
    """Return when a message may leave that is to leave at a time, for quiet hours may put it off.

    Args:
        at: When it is to leave.
        rules: The settings.
        row: A delivery, or one to be: its waits_for_morning, time_zone and channel count.
        e164: Whose clock it is, where the delivery names no zone.
    """
    if not row.waits_for_morning or row.channel in SILENT:
        return at
    zones = (ZoneInfo(row.time_zone),) if row.time_zone else quiet_hours.zones_of(e164)
    return quiet_hours.next_allowed(at, zones, rules.quiet_hours)


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
            "template": claim.template and claim.template.sid,
            "started_at": now,
        }
        for claim in claims
    ]
    if rows:
        conn.execute(_INSERT_ATTEMPT, rows)


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
