"""Opening hours: when a shop is open, by its own clock, but for its holidays."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# So far ahead is looked for when it opens: past every row of holidays.
LOOK_AHEAD = 31

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24):([0-5]\d)", re.ASCII)
_HOLIDAY = re.compile(r"(\d{4}-)?(\d\d)-(\d\d)", re.ASCII)
# Every day that there is has its month and day in a leap year.
_LEAP = 2000


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When it is open.

    Attributes:
        zone: Whose clock it is.
        spans: For each of DAYS, from when until before when, in minutes since midnight.
        holidays: Days it is closed, "2026-12-24", and of every year, "12-25".
    """

    zone: ZoneInfo
    spans: Mapping[str, tuple[tuple[int, int], ...]]
    holidays: frozenset[str]

    def closes_at(self, at: datetime) -> datetime | None:
        """Return when it closes next; None where it is closed at that time."""
        wall = at.astimezone(self.zone)
        minute = wall.hour * 60 + wall.minute
        ends = [end for start, end in self._on(wall.date()) if start <= minute < end]
        return self._at(wall.date(), ends[0]) if ends else None

    def opens_at(self, at: datetime) -> datetime | None:
        """Return when it opens next after a time; None where it does not in a month."""
        today = at.astimezone(self.zone).date()
        for ahead in range(LOOK_AHEAD + 1):
            day = today + timedelta(days=ahead)
            for start, _ in self._on(day):
                if (opens := self._at(day, start)) > at:
                    return opens
        return None

    def _on(self, day: date) -> tuple[tuple[int, int], ...]:
        if {f"{day:%Y-%m-%d}", f"{day:%m-%d}"} & self.holidays:
            return ()
        return self.spans.get(DAYS[day.weekday()], ())

    def _at(self, day: date, minute: int) -> datetime:
        """Return an instant; of a time that a clock shows twice, the first."""
        midnight = datetime.combine(day + timedelta(days=minute // 1440), time(), self.zone)
        wall = midnight.replace(hour=minute % 1440 // 60, minute=minute % 60)
        return wall.astimezone(UTC)


def read_span(text: str) -> tuple[int, int]:
    """Read "09:00-18:00".

    Raises:
        ValueError: It is no such time of one day.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError("must be hours such as 09:00-18:00")
    start, end = (int(found[n]) * 60 + int(found[n + 1]) for n in (1, 3))
    if not start < end <= 1440:
        raise ValueError("must end on the same day, after it begins; midnight is 24:00")
    return start, end


def read_holiday(text: str) -> str:
    """Read "2026-12-24", or "12-25" for every year.

    Raises:
        ValueError: There is no such day.
    """
    found = _HOLIDAY.fullmatch(text)
    if found is None:
        raise ValueError("must be a day such as 2026-12-24, or 12-25 for every year")
    year = int(found[1][:-1]) if found[1] else _LEAP
    try:
        date(year, int(found[2]), int(found[3]))
    except ValueError:
        raise ValueError("there is no such day") from None
    return text


def read_zone(name: str) -> ZoneInfo:
    """Return a zone by its name, "Europe/Berlin".

    Raises:
        ValueError: There is none of that name.
    """
    if name not in available_timezones():
        raise ValueError("must be a time zone such as Europe/Berlin")
    return ZoneInfo(name)
