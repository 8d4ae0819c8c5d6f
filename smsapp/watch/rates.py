"""How many of the texts to a country, and from our sender, arrive."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from smsapp.config import Settings
from smsapp.extensions import first_id
from smsapp.models import (
    AlarmKind,
    Attempt,
    AttemptState,
    CallOutcome,
    Delivery,
    DeliveryState,
    HourCount,
    Phone,
)
from smsapp.providers.twilio_errors import ErrorClass, meaning
from smsapp.watch.finding import Finding, shown

# The rate is of the newest of this many attempts where the window holds more.
MAX_ATTEMPTS = 20_000
# A text that has only been "sent" for longer is silent: its receipt is late.
SILENT_AFTER = timedelta(minutes=10)
TOP_CODES = 3

_RECENT = (
    select(
        Attempt.delivery_id,
        Attempt.state,
        Attempt.outcome,
        Attempt.error_code,
        Attempt.started_at,
    )
    .where(Attempt.id >= bindparam("first"))
    .order_by(Attempt.id.desc())
    .limit(MAX_ATTEMPTS)
    .subquery()
)
_IS_LATE = _RECENT.c.started_at < bindparam("late")
_FATES = (
    select(
        Phone.country,
        _RECENT.c.state,
        _RECENT.c.outcome,
        _RECENT.c.error_code,
        _IS_LATE.label("is_late"),
        func.count().label("texts"),
    )
    .join(Delivery, Delivery.id == _RECENT.c.delivery_id)
    .join(Phone, Phone.phone_key == Delivery.phone_key)
    .group_by(Phone.country, _RECENT.c.state, _RECENT.c.outcome, _RECENT.c.error_code, "is_late")
)
_REPORTING = (
    select(HourCount.country)
    .where(
        HourCount.hour >= bindparam("since"),
        HourCount.state.in_([DeliveryState.DELIVERED, DeliveryState.READ]),
    )
    .distinct()
)


@dataclass(slots=True)
class Fate:
    """What became of the texts to one country, or from one sender."""

    arrived: int = 0
    failed: int = 0
    silent: int = 0
    codes: Counter[int] = field(default_factory=Counter)

    def add(self, row: Any) -> None:
        """Count attempts that went alike."""
        if row.state in {AttemptState.DELIVERED, AttemptState.READ}:
            self.arrived += row.texts
        elif row.state in {AttemptState.FAILED, AttemptState.UNDELIVERED}:
            if _says_something(row.outcome, row.error_code):
                self.failed += row.texts
                self.codes[row.error_code or 0] += row.texts
        elif row.outcome is CallOutcome.ACCEPTED and row.is_late:
            self.silent += row.texts


def _says_something(outcome: CallOutcome | None, code: int | None) -> bool:
    """Whether a failure says something about how texts arrive.

    An opt-out is what its owner wanted; what Twilio would not take just now is tried again, and
    the outbox grows old if that does not help.
    """
    error_class = meaning(code).error_class
    was_taken = outcome not in {CallOutcome.UNWRITTEN, CallOutcome.REFUSED}
    if error_class is ErrorClass.OPT_OUT:
        return False
    return was_taken or (bool(code) and error_class is not ErrorClass.TRANSIENT)


def rates(conn: Connection, now: datetime, config: Settings) -> list[Finding]:
    """Find countries, and our sender, whose texts arrive too seldom.

    The rate is of attempts and not of deliveries: where the carrier's trouble may pass, a
    delivery is pending again for an hour, and the alarm must not wait for that. Where nothing at
    all arrives, texts that are silent count as lost too, but only in a country whose carriers
    have told us of deliveries before: some never do.
    """
    since = now - timedelta(minutes=config.alarm_window_minutes)
    by_country: dict[str, Fate] = {}
    of_all = Fate()
    for row in conn.execute(_FATES, {"first": first_id(since), "late": now - SILENT_AFTER}):
        by_country.setdefault(row.country, Fate()).add(row)
        of_all.add(row)
    month = {"since": now - timedelta(days=31)}
    reporting = set(conn.execute(_REPORTING, month).scalars()) if by_country else set()
    found = [
        _rate(AlarmKind.COUNTRY_RATE, country, fate, config, reports=country in reporting)
        for country, fate in sorted(by_country.items())
    ]
    sender = shown(config.sms_sender)
    found.append(_rate(AlarmKind.SENDER_RATE, sender, of_all, config, reports=bool(reporting)))
    return [finding for finding in found if finding]


def _rate(
    kind: AlarmKind, subject: str, fate: Fate, config: Settings, *, reports: bool
) -> Finding | None:
    lost = fate.failed
    if fate.arrived == 0 and reports:
        lost += fate.silent
    sample = fate.arrived + lost
    if sample < config.alarm_min_sample:
        return None
    if fate.arrived * 100 >= config.alarm_delivery_rate * sample:
        return None
    facts = {
        "rate": round(100 * fate.arrived / sample, 1),
        "sample": sample,
        "minutes": config.alarm_window_minutes,
        "codes": fate.codes.most_common(TOP_CODES),
    }
    if lost > fate.failed:
        facts["silent"] = fate.silent
    return Finding(kind, subject, facts)
