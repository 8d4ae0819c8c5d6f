"""When something is wrong: one function for each rule.

Each is cheap: it reads a bounded number of rows, by a primary key or a partial index.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select

from smsapp import tally
from smsapp.config import Settings
from smsapp.delivery import health
from smsapp.extensions import first_id
from smsapp.models import (
    AlarmKind,
    Attempt,
    CallOutcome,
    Channel,
    Delivery,
    DeliveryState,
    DisabledBecause,
    Receipt,
    ReceiptSource,
    Sender,
    WebhookEndpoint,
)
from smsapp.providers.mail import Mail
from smsapp.recipients import code_budget
from smsapp.watch.finding import Finding, display_name
from smsapp.watch.rates import rates

Rule = Callable[[Connection, datetime, Settings], list[Finding]]

UNKNOWN_AFTER = timedelta(minutes=15)
MAX_UNKNOWN = 1000

# Receipts are silent when the last few texts that went out have had none at all.
SILENT_TEXTS = 5
RECEIPT_AFTER = timedelta(minutes=5)
RECEIPTS_SINCE = timedelta(days=1)

REFUSED_SIGNATURES = 5
TALLIED = timedelta(minutes=10)

_DISABLED = select(WebhookEndpoint.name).where(
    WebhookEndpoint.disabled_because == DisabledBecause.FAILING
)
_OLDEST = (
    select(Delivery.state_at)
    .where(
        Delivery.state == bindparam("state", DeliveryState.UNKNOWN, literal_execute=True),
        Delivery.state_at < bindparam("before"),
        Delivery.channel != Channel.TEST,
    )
    .order_by(Delivery.state_at)
    .limit(MAX_UNKNOWN)
    .subquery()
)
_OLD_UNKNOWN = select(func.count(), func.min(_OLDEST.c.state_at))
_HELD = select(Sender.name, Sender.held_code, Sender.country_holds).where(
    or_(Sender.held_at.is_not(None), Sender.country_holds.is_not(None))
)
_LAST_TEXTS = (
    select(Attempt.id)
    .where(
        Attempt.id >= bindparam("first"),
        Attempt.id < bindparam("end"),
        Attempt.outcome == CallOutcome.ACCEPTED,
        Attempt.channel.not_in([Channel.EMAIL, Channel.TEST]),
    )
    .order_by(Attempt.id.desc())
    .limit(SILENT_TEXTS)
    .subquery()
)
# A subquery for each text, not EXISTS, which PostgreSQL may answer by reading all receipts.
_HEARD = select(
    select(Receipt.status)
    .where(Receipt.attempt_id == _LAST_TEXTS.c.id, Receipt.source == ReceiptSource.RECEIPT)
    .limit(1)
    .correlate(_LAST_TEXTS)
    .scalar_subquery()
).select_from(_LAST_TEXTS)


def outbox_old(conn: Connection, _now: datetime, config: Settings) -> list[Finding]:
    """Find that texts have been due for too long."""
    seen = health.read(conn)
    age = seen.oldest_due_seconds
    if age is None or age <= config.alarm_outbox_seconds:
        return []
    # A pause is intended, but one that is forgotten lets texts expire.
    facts = {"seconds": age, "paused": True} if seen.sender_is_paused else {"seconds": age}
    return [Finding(AlarmKind.OUTBOX_OLD, facts=facts)]


def unknown_old(conn: Connection, now: datetime, _config: Settings) -> list[Finding]:
    """Find texts whose fate nobody could find out in a quarter of an hour."""
    count, oldest = conn.execute(_OLD_UNKNOWN, {"before": now - UNKNOWN_AFTER}).one()
    if not count:
        return []
    seconds = int((now - oldest).total_seconds())
    return [Finding(AlarmKind.UNKNOWN_OLD, facts={"count": count, "seconds": seconds})]


def sender_held(conn: Connection, _now: datetime, _config: Settings) -> list[Finding]:
    """Find senders that Twilio refuses, for all texts or for those to a country, which wait."""
    found = []
    for row in conn.execute(_HELD):
        name = display_name(row.name)
        if row.held_code is not None:
            facts: dict[str, Any] = {"codes": [(row.held_code, 1)]}
            mails = {"mails": True} if row.name == Mail.sender else {}
            found.append(Finding(AlarmKind.SENDER_HELD, name, facts | mails))
        for country, hold in sorted((row.country_holds or {}).items()):
            facts = {"codes": [(hold["code"], 1)], "country": country}
            found.append(Finding(AlarmKind.SENDER_HELD, f"{name} to {country}", facts))
    return found


def receipts_silent(conn: Connection, now: datetime, _config: Settings) -> list[Finding]:
    """Find that the last few texts went out minutes ago and no receipt came for any of them."""
    ids = {"first": first_id(now - RECEIPTS_SINCE), "end": first_id(now - RECEIPT_AFTER)}
    heard = conn.execute(_HEARD, ids).scalars().all()
    if len(heard) < SILENT_TEXTS or any(heard):
        return []
    return [Finding(AlarmKind.RECEIPTS_SILENT, facts={"count": SILENT_TEXTS})]


def signatures_refused(conn: Connection, now: datetime, _config: Settings) -> list[Finding]:
    """Find that several callbacks came whose signature is not Twilio's."""
    count = tally.since(conn, tally.SIGNATURE, now - TALLIED)
    if count < REFUSED_SIGNATURES:
        return []
    return [Finding(AlarmKind.SIGNATURES_REFUSED, facts={"count": count})]


def look_ups_doubtful(conn: Connection, now: datetime, _config: Settings) -> list[Finding]:
    """Find look-ups at Twilio whose answer did not tell which message was ours."""
    count = tally.since(conn, tally.DOUBTFUL, now - TALLIED)
    return [Finding(AlarmKind.LOOK_UPS_DOUBTFUL, facts={"count": count})] if count else []


def no_worker(conn: Connection, _now: datetime, _config: Settings) -> list[Finding]:
    """Find that no worker has shown itself for a minute."""
    seen = health.read(conn)
    if not seen.worker_is_silent:
        return []
    return [Finding(AlarmKind.NO_WORKER, facts={"seconds": seen.worker_seen_seconds})]


def codes_spent(conn: Connection, now: datetime, config: Settings) -> list[Finding]:
    """Find that half of a budget for codes is spent, or all of it."""
    found = []
    for span, budget in code_budget.budgets(config).items():
        count = code_budget.sent(conn, budget, now)
        facts = {"count": count, "budget": budget.most}
        if count * 2 >= budget.most:
            found.append(Finding(AlarmKind.CODES_HALF_SPENT, span, facts))
        if count >= budget.most:
            found.append(Finding(AlarmKind.CODES_SPENT, span, facts))
    return found


def endpoints_disabled(conn: Connection, _now: datetime, _config: Settings) -> list[Finding]:
    """Find callers' endpoints that were given up, until somebody has seen to them."""
    return [
        Finding(AlarmKind.ENDPOINT_DISABLED, name) for name in conn.execute(_DISABLED).scalars()
    ]


# Which kinds each rule judges. If a rule fails, open alarms of its kinds stay as they are.
RULES: Mapping[Rule, frozenset[AlarmKind]] = {
    rates: frozenset({AlarmKind.COUNTRY_RATE, AlarmKind.SENDER_RATE}),
    outbox_old: frozenset({AlarmKind.OUTBOX_OLD}),
    unknown_old: frozenset({AlarmKind.UNKNOWN_OLD}),
    sender_held: frozenset({AlarmKind.SENDER_HELD}),
    receipts_silent: frozenset({AlarmKind.RECEIPTS_SILENT}),
    signatures_refused: frozenset({AlarmKind.SIGNATURES_REFUSED}),
    look_ups_doubtful: frozenset({AlarmKind.LOOK_UPS_DOUBTFUL}),
    no_worker: frozenset({AlarmKind.NO_WORKER}),
    codes_spent: frozenset({AlarmKind.CODES_HALF_SPENT, AlarmKind.CODES_SPENT}),
    endpoints_disabled: frozenset({AlarmKind.ENDPOINT_DISABLED}),
}
