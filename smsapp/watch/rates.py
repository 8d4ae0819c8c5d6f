"""How many of the messages to each country, and from each channel's sender, arrive."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from smsapp.config import Settings
from smsapp.delivery import channels
from smsapp.extensions import first_id
from smsapp.models import (
    AlarmKind,
    Attempt,
    AttemptState,
    CallOutcome,
    Channel,
    Delivery,
    DeliveryState,
    HourCount,
    Phone,
)
from smsapp.providers.twilio_errors import ErrorClass, meaning
from smsapp.watch.finding import Finding, display_name

# Where the window holds more attempts, the newest of them are enough.
MAX_ATTEMPTS = 20_000
# A text that has been "sent" for longer without a further receipt counts as silent.
SILENT_AFTER = timedelta(minutes=10)
TOP_CODES = 3

# Of mails nobody tells whether they arrive, a call may find nobody at home, tests go nowhere.
RATED = (Channel.SMS, Channel.WHATSAPP)

_RECENT = (
    select(
        Attempt.delivery_id,
        Attempt.state,
        Attempt.outcome,
        Attempt.error_code,
        Attempt.channel,
        Attempt.started_at,
    )
    .where(Attempt.id >= bindparam("first"), Attempt.channel.in_(RATED))
    .order_by(Attempt.id.desc())
    .limit(MAX_ATTEMPTS)
    .subquery()
)
_IS_LATE = _RECENT.c.started_at < bindparam("late")
_COUNTS = (
    select(
        Phone.country,
        _RECENT.c.state,
        _RECENT.c.outcome,
        _RECENT.c.error_code,
        _RECENT.c.channel,
        _IS_LATE.label("is_late"),
        func.count().label("texts"),
    )
    .join(Delivery, Delivery.id == _RECENT.c.delivery_id)
    .join(Phone, Phone.phone_key == Delivery.phone_key)
    .group_by(
        Phone.country,
        _RECENT.c.state,
        _RECENT.c.outcome,
        _RECENT.c.error_code,
        _RECENT.c.channel,
        "is_late",
    )
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
class Arrivals:
    """How many texts to one country, or from one sender, arrived, failed or are silent."""

    arrived: int = 0
    failed: int = 0
    silent: int = 0
    codes: Counter[int] = field(default_factory=Counter)

    def add(self, row: Any) -> None:
        """Add a row of _COUNTS: attempts of which all went the same way."""
        if row.state in {AttemptState.DELIVERED, AttemptState.READ}:
            self.arrived += row.texts
        elif row.state in {AttemptState.FAILED, AttemptState.UNDELIVERED}:
            if _lowers_rate(row.outcome, row.error_code):
                self.failed += row.texts
                self.codes[row.error_code or 0] += row.texts
        elif row.outcome is CallOutcome.ACCEPTED and row.is_late:
            self.silent += row.texts


def _lowers_rate(outcome: CallOutcome | None, code: int | None) -> bool:
    """Whether a failed attempt lowers the rate.

    An opt-out does not, for that is what its owner wanted; nor does what Twilio would not take just
    now, for it is tried again, and if that does not help there is an alarm for the old outbox.
    """
    error_class = meaning(code).error_class
    was_taken = outcome not in {CallOutcome.UNWRITTEN, CallOutcome.REFUSED}
    if error_class is ErrorClass.OPT_OUT:
        return False
    return was_taken or (bool(code) and error_class is not ErrorClass.TRANSIENT)


def rates(conn: Connection, now: datetime, config: Settings) -> list[Finding]:
    """Find the countries to which too few messages arrive, and the senders from which too few do.

    The rate is of attempts, not of deliveries: a delivery that is to be tried again is pending for
    up to an hour, and the alarm must not wait for that. Where nothing arrives at all, silent texts
    count as lost too, but only in a country from which receipts have come before: some carriers
    never send any.
    """
    since = now - timedelta(minutes=config.alarm_window_minutes)
    by_country: dict[str, Arrivals] = {}
    by_channel = {channel: Arrivals() for channel in RATED}
    for row in conn.execute(_COUNTS, {"first": first_id(since), "late": now - SILENT_AFTER}):
        by_country.setdefault(row.country, Arrivals()).add(row)
        by_channel[row.channel].add(row)
    month = {"since": now - timedelta(days=31)}
    reporting = set(conn.execute(_REPORTING, month).scalars()) if by_country else set()
    found = [
        _rate(AlarmKind.COUNTRY_RATE, country, arrivals, config, reports=country in reporting)
        for country, arrivals in sorted(by_country.items())
    ]
    for channel, arrivals in by_channel.items():
        if channel in channels.configured():
            sender = display_name(channels.sender_of(channel).name)
            found.append(
                _rate(AlarmKind.SENDER_RATE, sender, arrivals, config, reports=bool(reporting))
            )
    return [finding for finding in found if finding]


def _rate(
    kind: AlarmKind, subject: str, arrivals: Arrivals, config: Settings, *, reports: bool
) -> Finding | None:
    lost = arrivals.failed
    if arrivals.arrived == 0 and reports:
        lost += arrivals.silent
    sample = arrivals.arrived + lost
    if sample < config.alarm_min_sample:
        return None
    if arrivals.arrived * 100 >= config.alarm_delivery_rate * sample:
        return None
    facts = {
        "rate": round(100 * arrivals.arrived / sample, 1),
        "sample": sample,
        "minutes": config.alarm_window_minutes,
        "codes": arrivals.codes.most_common(TOP_CODES),
    }
    if lost > arrivals.failed:
        facts["silent"] = arrivals.silent
    return Finding(kind, subject, facts)
