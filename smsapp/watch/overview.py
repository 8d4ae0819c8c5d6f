"""What the overview shows: the texts of a day, a week or a month, and what waits right now.

It reads the roll-up (a few rows an hour), partial indexes of what waits or has failed, and the open
alarms: however many texts there are, it takes as long.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text

from smsapp.extensions import database_now, reading
from smsapp.models import Channel, Delivery, DeliveryState, HourCount, Phone, RolledHour
from smsapp.watch import alarm_text, alarms, gauges, roll_up
from smsapp.watch.alarm_text import CodeCount
from smsapp.watch.alarms import OpenAlarm
from smsapp.watch.gauges import Waiting

MAX_FAILURES = 10

# How a delivery counts, by its state. Those in any other state were stopped on purpose.
DELIVERED = frozenset({DeliveryState.DELIVERED, DeliveryState.READ})
FAILED = frozenset({DeliveryState.FAILED, DeliveryState.UNDELIVERED})
OPEN = frozenset(
    {DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.UNKNOWN, DeliveryState.SENT}
)

_BY_HOUR = (
    select(HourCount.hour, HourCount.state, func.sum(HourCount.count).label("texts"))
    .where(HourCount.hour >= bindparam("since"))
    .group_by(HourCount.hour, HourCount.state)
)
_BY_REST = (
    select(
        HourCount.country,
        HourCount.state,
        HourCount.reason,
        HourCount.error_code,
        HourCount.kind,
        HourCount.channel,
        func.sum(HourCount.count).label("texts"),
    )
    .where(HourCount.hour >= bindparam("since"))
    .group_by(
        HourCount.country,
        HourCount.state,
        HourCount.reason,
        HourCount.error_code,
        HourCount.kind,
        HourCount.channel,
    )
)
_ROLLED = select(func.count(), func.max(RolledHour.counted_at)).where(
    RolledHour.hour >= bindparam("since")
)
_FIRST = select(func.min(Delivery.created_at)).where(
    Delivery.id == select(Delivery.id).order_by(Delivery.id).limit(1).scalar_subquery()
)
_LAST_FAILURES = (
    select(
        Delivery.id,
        Delivery.kind,
        Delivery.subject,
        Delivery.state,
        Delivery.state_at,
        Delivery.error_code,
        Delivery.reason,
        Phone.country,
        Phone.e164,
    )
    .join(Phone, Phone.phone_key == Delivery.phone_key)
    # Word for word as in the index: with parameters a prepared plan cannot use it.
    .where(text("delivery.state IN ('failed', 'undelivered')"), Delivery.channel != Channel.TEST)
    .order_by(Delivery.state_at.desc())
    .limit(MAX_FAILURES)
)


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of time up to now, and how long one bar of its charts is."""

    name: str
    title: str
    length: timedelta
    bar: timedelta


RANGES = {
    "day": Range("day", "24 hours", timedelta(days=1), timedelta(hours=1)),
    "week": Range("week", "7 days", timedelta(days=7), timedelta(hours=6)),
    "month": Range("month", "30 days", timedelta(days=30), timedelta(days=1)),
}


@dataclass(slots=True)
class Group:
    """How many deliveries of a bar, a country and so on arrived, failed, are open or stopped."""

    delivered: int = 0
    failed: int = 0
    open: int = 0
    stopped: int = 0

    def add(self, state: str, count: int) -> None:
        """Count deliveries that are in a state."""
        if state in DELIVERED:
            self.delivered += count
        elif state in FAILED:
            self.failed += count
        elif state in OPEN:
            self.open += count
        else:
            self.stopped += count

    @property
    def all(self) -> int:
        """Return how many texts were to go out."""
        return self.delivered + self.failed + self.open

    @property
    def accepted(self) -> int:
        """Return how many there are."""
        return self.all + self.stopped

    @property
    def rate(self) -> float | None:
        """Return the percentage that arrived of those that arrived or failed; None without any."""
        ended = self.delivered + self.failed
        return 100 * self.delivered / ended if ended else None


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the page says."""

    range: Range
    since: datetime
    now: datetime
    counted_at: datetime | None  # None: nobody has counted yet
    is_partial: bool  # older hours are still being counted
    states: Counter[str]
    total: Group
    bars: list[tuple[datetime, Group]]
    countries: list[tuple[str, Group]]
    kinds: list[tuple[str, Group]]  # "": counted by older code
    channels: list[tuple[str, Group]]  # likewise
    codes: list[CodeCount]
    suppressed: list[tuple[str, int]]
    failures: Sequence[Any]  # the last texts that did not arrive
    waiting: Waiting
    alarms: list[OpenAlarm]


def show(name: str) -> Overview:
    """Return the overview of the range with this name; of a day where there is no such range."""
    of = RANGES.get(name, RANGES["day"])
    with reading(snapshot=True) as conn:
        now = database_now(conn)
        since = _start(now, of)
        hours = conn.execute(_BY_HOUR, {"since": since}).all()
        rest = conn.execute(_BY_REST, {"since": since}).all()
        counted_at, is_partial = _progress(conn, since, now)
        failures = conn.execute(_LAST_FAILURES).all()
    states: Counter[str] = Counter()
    total = Group()
    bars = {since + of.bar * n: Group() for n in range((now - since) // of.bar + 1)}
    for row in hours:
        states[row.state] += row.texts
        total.add(row.state, row.texts)
        bars[since + of.bar * ((row.hour - since) // of.bar)].add(row.state, row.texts)
    countries: dict[str, Group] = {}
    kinds: dict[str, Group] = {}
    channels: dict[str, Group] = {}
    codes: Counter[int] = Counter()
    suppressed: Counter[str] = Counter()
    for cell in rest:
        countries.setdefault(cell.country, Group()).add(cell.state, cell.texts)
        kinds.setdefault(cell.kind, Group()).add(cell.state, cell.texts)
        channels.setdefault(cell.channel, Group()).add(cell.state, cell.texts)
        if cell.state in FAILED:
            codes[cell.error_code] += cell.texts
        elif cell.state == DeliveryState.SUPPRESSED:
            suppressed[cell.reason] += cell.texts
    return Overview(
        of,
        since,
        now,
        counted_at,
        is_partial,
        states,
        total,
        list(bars.items()),
        sorted(
            ((name, group) for name, group in countries.items() if group.all),
            key=lambda item: (-item[1].all, item[0]),
        ),
        sorted(kinds.items(), key=lambda item: (-item[1].accepted, item[0])),
        sorted(channels.items(), key=lambda item: (-item[1].accepted, item[0])),
        alarm_text.codes(codes.most_common()),
        suppressed.most_common(),
        failures,
        gauges.read_waiting(),
        alarms.open_alarms(),
    )


def _start(now: datetime, of: Range) -> datetime:
    """Return when the first bar begins: at a full hour, a quarter of a day or midnight, in UTC."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    last = midnight + of.bar * ((now - midnight) // of.bar)
    return last - of.length + of.bar


def _progress(conn: Connection, since: datetime, now: datetime) -> tuple[datetime | None, bool]:
    """Return when the newest count was made, and whether hours of the range are still missing."""
    first = conn.execute(_FIRST).scalar_one()
    if first is None:
        return now, False
    oldest = max(since, roll_up.hour_of(first))
    hours, counted_at = conn.execute(_ROLLED, {"since": oldest}).one()
    # The current hour may not have been counted yet, so it does not count as missing.
    return counted_at, hours < (roll_up.hour_of(now) - oldest) // roll_up.HOUR
