"""When an appointment is reminded of: so long before it, and never at night or after it began."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from smsapp import quiet_hours
from smsapp.durations import Duration
from smsapp.quiet_hours import QuietHours


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder: when it is due and until when it is of use, in UTC; or why it is left out."""

    before: Duration
    due_at: datetime | None = None
    expires_at: datetime | None = None
    why_not: str | None = None


PASSED = "Its time has passed."
SAME_TIME = "Another reminder is due at the same time."


def plan(
    starts_at: datetime,
    before: Sequence[Duration],
    zones: Sequence[ZoneInfo],
    hours: QuietHours | None,
    now: datetime,
) -> list[Reminder]:
    """Return the reminders of an appointment, as they were asked for.

    One that falls into quiet hours is due at the last minute before them. Each is of use until the
    next is due, the last until the appointment begins.

    Args:
        starts_at: When it begins.
        before: How long before that to remind of it.
        zones: Where the recipient may be. Days are counted by their clock if it is one, so that
            a day before noon is noon.
        hours: Quiet hours.
        now: What is due by then is left out.
    """
    due = {
        duration: quiet_hours.last_allowed(_due(starts_at, duration, zones), zones, hours)
        for duration in before
    }
    times = sorted({at for at in due.values() if at > now})
    ends = dict(pairwise([*times, starts_at]))
    planned, taken = [], set()
    for duration in before:
        at = due[duration]
        if at <= now:
            planned.append(Reminder(duration, why_not=PASSED))
        elif at in taken:
            planned.append(Reminder(duration, why_not=SAME_TIME))
        else:
            planned.append(Reminder(duration, at, ends[at]))
            taken.add(at)
    return planned


def _due(starts_at: datetime, before: Duration, zones: Sequence[ZoneInfo]) -> datetime:
    walls = {starts_at.astimezone(zone).replace(tzinfo=None) for zone in zones}
    if len(walls) != 1:  # nobody knows by which calendar
        return starts_at.astimezone(UTC) - timedelta(before.days) - before.time
    day = quiet_hours.instant(walls.pop() - timedelta(before.days), zones[0])
    return (day if before.days else starts_at.astimezone(UTC)) - before.time
