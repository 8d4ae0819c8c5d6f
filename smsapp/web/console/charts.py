"""The geometry of charts: numbers become places in an SVG, which a template draws.

Widths are in percent and heights in pixels, so that a chart is as wide as its page and its words
stay as large as all others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from smsapp.watch.overview import Group

HEIGHT = 180  # of the plot, in pixels
ABOVE = 20  # for the word at the uppermost line
LABELS = 4  # of times, below the plot


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of texts; `x` and its width are percentages.

    parts: The kind of each colour, its place and its height.
    """

    x: float
    width: float
    parts: list[tuple[str, float, float]]
    title: str


@dataclass(frozen=True, slots=True)
class Point:
    """A rate at a time, and the one before it, to which a line is drawn; None for a gap."""

    x: float
    y: float
    before: "Point | None"
    title: str


Line = tuple[float, str]  # a level that is drawn across the plot, and its word
Label = tuple[float, str, str]  # a time below the plot: its place, its anchor, its words
Bars = Sequence[tuple[datetime, Group]]


def volume(bars: Bars, step: timedelta) -> tuple[list[Bar], list[Line]]:
    """Return bars of how many texts were delivered, failed or are still open, and their scale."""
    top = round_up(max((group.all for _, group in bars), default=0))
    width = 100 / max(1, len(bars))
    drawn = []
    for n, (at, group) in enumerate(bars):
        y, parts = float(ABOVE + HEIGHT), []
        for kind, count in (
            ("delivered", group.delivered),
            ("failed", group.failed),
            ("open", group.open),
        ):
            # What is there must be seen, be it one of a million.
            height = max(2.0, HEIGHT * count / top) if count else 0.0
            y -= height
            if count:
                parts.append((kind, round(max(0.0, y), 1), round(height, 1)))
        title = (
            f"{when(at, step)}: {group.delivered:,} delivered, {group.failed:,} failed, "
            f"{group.open:,} open"
        )
        x = n * width + width * 0.1
        drawn.append(Bar(round(x, 2), round(width * 0.8, 2), parts, title))
    return drawn, [(_y(share), brief(int(top * share))) for share in (0.0, 0.5, 1.0)]


def rates(bars: Bars, step: timedelta) -> tuple[list[Point], list[Line]]:
    """Return points of the delivery rate over time, from 0 to 100 %, and their scale."""
    width = 100 / max(1, len(bars))
    points: list[Point] = []
    before: Point | None = None
    for n, (at, group) in enumerate(bars):
        if group.rate is None:
            before = None
            continue
        x = round(n * width + width / 2, 2)
        title = f"{when(at, step)}: {percent(group.rate)} of {group.delivered + group.failed:,}"
        before = Point(x, round(_y(group.rate / 100), 1), before, title)
        points.append(before)
    return points, [(_y(share), f"{share:.0%}") for share in (0.0, 0.5, 1.0)]


def times(bars: Bars, step: timedelta) -> list[Label]:
    """Return a few times to write below the plot: the first, the last, and some between."""
    last = len(bars) - 1
    if last < 1:
        return []
    labels: list[Label] = []
    for n in range(LABELS):
        index = round(last * n / (LABELS - 1))
        anchor = "start" if n == 0 else "end" if n == LABELS - 1 else "middle"
        x = {"start": 0.0, "end": 100.0}.get(anchor, 100 * (index + 0.5) / len(bars))
        labels.append((round(x, 2), anchor, when(bars[index][0], step)))
    return labels


def when(at: datetime, step: timedelta) -> str:
    """Return a bar's time as briefly as its length allows: "14:00", "3 Nov 12:00", "3 Nov"."""
    day = f"{at.day} {at:%b}"
    if step >= timedelta(days=1):
        return day
    return f"{at:%H:%M}" if step <= timedelta(hours=1) else f"{day} {at:%H:%M}"


def moment(at: datetime) -> str:
    """Return a time in full: "21 Nov 06:27 UTC"."""
    return f"{at.day} {at:%b %H:%M} UTC"


def percent(rate: float | None) -> str:
    """Return a rate with one decimal, never rounded up to all or down to nothing."""
    if rate is None:
        return "–"
    if rate in {0, 100}:
        return f"{rate:.0f} %"
    return f"{min(99.9, max(0.1, rate)):.1f} %"


def brief(count: int) -> str:
    """Return a number that fits beside a scale: "950", "1.2k", "30k", "2.5M"."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if count >= size:
            return f"{count / size:{'.3g' if count < 999.5 * size else '.0f'}}{letter}"
    return str(count)


def round_up(count: int) -> int:
    """Return a round number to end a scale with, whose half is a whole one."""
    if count <= 10:
        return max(2, count + count % 2)
    size = 1
    while True:
        for digits in (10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100):
            if digits * size >= count:
                return digits * size
        size *= 10


def _y(share: float) -> float:
    return round(ABOVE + HEIGHT * (1 - share), 1)
