"""The rota: who is on call at an instant, and which shifts a time has.

A rota is a week of handovers, or several weeks that come round again, by the clock of one zone. At
a handover that a clock jumps over somebody takes over at the jump; of a time that it shows twice,
at the first. An override counts for as long as it lasts, and of two that overlap the later made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from smsapp.models import Handover, RotaOverride
from smsapp.quiet_hours import instant

# A Monday, from which weeks are counted: nobody has to say when the first week was.
MONDAY = date(1970, 1, 5)
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Shift:
    """From when until when somebody is on call; `is_override`: not by the week."""

    person_id: int
    starts_at: datetime
    ends_at: datetime
    is_override: bool = False


@dataclass(frozen=True, slots=True)
class Rota:
    """Handovers and overrides, as their rows have them; overrides in the order they were made."""

    handovers: Sequence[Any]
    overrides: Sequence[Any]
    zone: ZoneInfo

    @property
    def weeks(self) -> int:
        """Return after how many weeks it comes round again."""
        return max((row.week for row in self.handovers), default=1)

    def week_of(self, day: date) -> int:
        """Return which week of the rota a day is in, from 1 on."""
        return (day - MONDAY).days // 7 % self.weeks + 1

    def on_call(self, at: datetime) -> int | None:
        """Return who is on call; None where the rota is empty."""
        for row in reversed(self.overrides):
            if row.starts_at <= at < row.ends_at:
                return int(row.person_id)
        return self._by_week(at)

    def following(self, at: datetime) -> int | None:
        """Return who takes over next, of those who are not on call; None where nobody else does."""
        now = self.on_call(at)
        until = at + (self.weeks + 1) * _WEEK
        ahead = (person_id for taken, person_id in self._taken(at, until) if taken > at)
        return next((person_id for person_id in ahead if person_id != now), None)

    def shifts(self, since: datetime, until: datetime) -> list[Shift]:
        """Return who is on call from `since` to before `until`: without a gap, none overlapping."""
        edges = {since, until}
        edges.update(taken for taken, _ in self._taken(since, until))
        edges.update(at for row in self.overrides for at in (row.starts_at, row.ends_at))
        inside = sorted(edge for edge in edges if since <= edge <= until)
        found: list[Shift] = []
        for start, end in pairwise(inside):
            person_id = self.on_call(start)
            if person_id is None:
                continue
            over = any(row.starts_at <= start < row.ends_at for row in self.overrides)
            last = found[-1] if found else None
            same = last and last.ends_at == start and last.is_override == over
            if last and same and last.person_id == person_id:
                found[-1] = Shift(person_id, last.starts_at, end, over)
            else:
                found.append(Shift(person_id, start, end, over))
        return found

    def _by_week(self, at: datetime) -> int | None:
        taken = [each for each in self._taken(at - (self.weeks + 1) * _WEEK, at) if each[0] <= at]
        # Of two at one instant, where a zone leaves out a day, the later by the wall.
        return sorted(taken, key=itemgetter(0))[-1][1] if taken else None

    def _taken(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, int]]:
        """Yield when who takes over, in order, from a day before `since` to a day after `until`."""
        day = since.astimezone(self.zone).date() - _DAY
        last = until.astimezone(self.zone).date() + _DAY
        while day <= last:
            week, weekday = self.week_of(day), day.weekday()
            # Of two at one jump of the clock the later by the wall counts.
            today: dict[datetime, int] = {}
            for row in sorted(self.handovers, key=lambda row: row.minute):
                if (row.week, row.weekday) == (week, weekday):
                    wall = datetime.combine(day, time(row.minute // 60, row.minute % 60))
                    today[instant(wall, self.zone)] = row.person_id
            yield from sorted(today.items())
            day += _DAY


def read(conn: Connection, zone: ZoneInfo) -> Rota:
    """Return the rota as it is now."""
    handovers = conn.execute(
        select(Handover.__table__).order_by(Handover.week, Handover.weekday, Handover.minute)
    ).all()
    overrides = conn.execute(select(RotaOverride.__table__).order_by(RotaOverride.id)).all()
    return Rota(handovers, overrides, zone)
