"""Lengths of time as ISO 8601 writes them: days by the calendar, hours by the clock."""

import re
from dataclasses import dataclass
from datetime import timedelta

MOST_DAYS = 60

# For callers, in the words of JSON Schema.
PATTERN = "^P(?=.)([0-9]{1,4}W)?([0-9]{1,4}D)?(T(?=.)([0-9]{1,4}H)?([0-9]{1,5}M)?)?$"
_ISO = re.compile(
    r"P(?=.)(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?=.)(?:(\d{1,4})H)?(?:(\d{1,5})M)?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Duration:
    """So many days on the calendar, which may have 23 or 25 hours, and so much time.

    `text` is how it was written: "P1D", "PT2H30M".
    """

    days: int
    time: timedelta
    text: str


def parse(text: str) -> Duration:
    """Return a duration from nothing up to MOST_DAYS.

    Raises:
        ValueError: It is none, or one of nothing, or too long.
    """
    found = _ISO.fullmatch(text)
    if not found:
        raise ValueError("must be ISO 8601 durations such as P1D or PT2H")
    weeks, days, hours, minutes = (int(number or 0) for number in found.groups())
    duration = Duration(7 * weeks + days, timedelta(hours=hours, minutes=minutes), text)
    if not timedelta(0) < timedelta(duration.days) + duration.time <= timedelta(MOST_DAYS):
        raise ValueError(f"must be longer than nothing and at most {MOST_DAYS} days")
    return duration
