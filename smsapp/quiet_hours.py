"""Quiet hours: when nobody wants to hear their phone, by the recipient's own clock.

Where a number may be in several zones, only what is allowed in all of them is. Daylight saving is
the zone database's business: a local time that does not exist is the next that does, and one that
exists twice is the first.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers import timezone

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
# Names of the database that are no place's: whatever this machine is set to, and placeholders.
_NO_PLACE = {"localtime", "Factory", "posixrules", "Etc/Unknown"}


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` on, until before `end`, by the clock on the wall; perhaps over midnight."""

    start: time
    end: time

    def holds(self, wall: time) -> bool:
        """Whether it is quiet when a clock shows this."""
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end


def allowed_at(at: datetime, zones: Iterable[ZoneInfo], hours: QuietHours | None) -> bool:
    """Whether somebody who may be in any of these zones may hear their phone at an instant."""
    return hours is None or not any(hours.holds(at.astimezone(zone).time()) for zone in zones)


def next_allowed(at: datetime, zones: Iterable[ZoneInfo], hours: QuietHours | None) -> datetime:
    """Return the first instant from `at` on that is allowed, in UTC.

    Where zones are so far apart that none ever is, the first that is in most of them.
    """
    if hours is None:
        return at
    ends = _walls(at, zones, hours.end, range(-1, 3))
    return _best(at, sorted(end for end in ends if end > at), zones, hours)


def last_allowed(at: datetime, zones: Iterable[ZoneInfo], hours: QuietHours | None) -> datetime:
    """Return the last instant up to `at` that is allowed, in UTC: a minute before quiet begins.

    Where zones are so far apart that none ever is, the last that is in most of them.
    """
    if hours is None:
        return at
    starts = (start - _MINUTE for start in _walls(at, zones, hours.start, range(-2, 2)))
    return _best(at, sorted((start for start in starts if start < at), reverse=True), zones, hours)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when a clock in a zone shows `wall` (no offset), in UTC.

    The first of two; where the clock jumps over it, the instant of the jump.
    """
    first = wall.replace(tzinfo=zone, fold=0)
    late = first.astimezone(UTC)
    if late.astimezone(zone).replace(tzinfo=None) == wall:
        return late
    # In a gap the two folds read it by the offsets after and before the jump, which lies between.
    early = first.replace(fold=1).astimezone(UTC)
    before = early.astimezone(zone).utcoffset()
    minutes = range(int((late - early) / _MINUTE))
    jumped = bisect_left(
        minutes,
        True,
        key=lambda minute: (early + minute * _MINUTE).astimezone(zone).utcoffset() != before,
    )
    return early + jumped * _MINUTE


@lru_cache(maxsize=4096)
def zones_of(e164: str) -> tuple[ZoneInfo, ...]:
    """Return the zones that a number's owner may be in; none where the number does not tell.

    By its beginning: a number that was not handed out yet is where its neighbours are.
    """
    number = phonenumbers.parse(e164)
    names = zone_names().intersection(timezone.time_zones_for_number(number))
    names = names or zone_names().intersection(timezone.time_zones_for_geographical_number(number))
    return tuple(ZoneInfo(name) for name in sorted(names))


@lru_cache
def zone_names() -> frozenset[str]:
    """Return the names of all zones that are some place's (IANA, such as "Europe/Berlin")."""
    return frozenset(available_timezones() - _NO_PLACE)


def _walls(at: datetime, zones: Iterable[ZoneInfo], wall: time, days: range) -> Iterator[datetime]:
    """Yield the instants about `at` at which a clock in one of the zones shows `wall`."""
    for zone in zones:
        today = at.astimezone(zone).date()
        for day in days:
            shown = datetime.combine(today + day * _DAY, wall)
            yield instant(shown, zone)
            yield shown.replace(tzinfo=zone, fold=1).astimezone(UTC)  # the second of two


def _best(
    at: datetime, others: list[datetime], zones: Iterable[ZoneInfo], hours: QuietHours
) -> datetime:
    """Return the first of these instants that is allowed in all zones, or else in most."""
    zones = tuple(zones)

    def quiet_in(instant: datetime) -> int:
        return sum(not allowed_at(instant, [zone], hours) for zone in zones)

    return min([at.astimezone(UTC), *others], key=quiet_in)
