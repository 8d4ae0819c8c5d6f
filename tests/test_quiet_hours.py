"""Quiet hours: by every clock there is, nights of daylight saving included."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.quiet_hours import (
    QuietHours,
    allowed_at,
    instant,
    last_allowed,
    next_allowed,
    zone_names,
    zones_of,
)

NIGHT = QuietHours(time(21), time(8))
AFTERNOON = QuietHours(time(13), time(15))
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
# Two years from the day the rules were written down, hour by hour.
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
HOURS = 2 * 365 * 24

zones = st.sampled_from(sorted(zone_names())).map(ZoneInfo)
instants = st.integers(0, HOURS * 60).map(lambda minutes: SINCE + minutes * MINUTE)
walls = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))


def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def clocks() -> dict[tuple[timedelta | None, ...], ZoneInfo]:
    """Return one zone of all that are set alike on each day of the two years."""
    days = [SINCE + timedelta(days=n) for n in range(2 * 365)]
    return {
        tuple(day.astimezone(place).utcoffset() for day in days): place
        for place in map(ZoneInfo, sorted(zone_names()))
    }


def is_first_allowed(
    found: datetime, at: datetime, places: list[ZoneInfo], hours: QuietHours
) -> None:
    """Check by looking at the clock on the way, every twenty minutes, and just before."""
    assert found >= at
    assert allowed_at(found, places, hours)
    way = [at + n * 20 * MINUTE for n in range(int((found - at) / (20 * MINUTE)))]
    if found > at:
        way.append(max(at, found - MINUTE))
    assert not any(allowed_at(there, places, hours) for there in way)


@given(instants, zones, walls, walls)
def test_what_is_next_allowed_is_the_first_instant_by_that_clock(
    at: datetime, place: ZoneInfo, start: time, end: time
) -> None:
    hours = QuietHours(start, end)
    is_first_allowed(next_allowed(at, [place], hours), at, [place], hours)


def test_every_clock_that_is_set_is_read_right_in_the_nights_about_it() -> None:
    nights = [
        (place, SINCE + timedelta(days=n))
        for offsets, place in clocks().items()
        for n, (one, next_one) in enumerate(pairwise(offsets))
        if one != next_one
    ]
    for place, day in nights:
        for at in (day + n * 2 * HOUR for n in range(-3, 18)):
            is_first_allowed(next_allowed(at, [place], NIGHT), at, [place], NIGHT)
            assert allowed_at(last_allowed(at, [place], NIGHT), [place], NIGHT)
    assert len(nights) > 100


@given(instants, st.lists(zones, min_size=2, max_size=4))
def test_where_a_number_may_be_in_several_zones_all_must_be_awake(
    at: datetime, places: list[ZoneInfo]
) -> None:
    found = next_allowed(at, places, NIGHT)
    if allowed_at(found, places, NIGHT):
        is_first_allowed(found, at, places, NIGHT)


@given(instants, zones)
def test_what_is_last_allowed_is_a_minute_before_quiet_begins(
    at: datetime, place: ZoneInfo
) -> None:
    found = last_allowed(at, [place], NIGHT)
    assert found <= at
    assert allowed_at(found, [place], NIGHT)
    assert found == at or not allowed_at(found + MINUTE, [place], NIGHT)


@pytest.mark.parametrize(
    ("wall", "name", "utc"),
    [
        ("2027-03-14 02:30", "America/New_York", "2027-03-14 07:00"),  # jumped over: 03:00 is next
        ("2026-11-01 01:30", "America/New_York", "2026-11-01 05:30"),  # twice: the first
        ("2027-04-04 01:45", "Australia/Lord_Howe", "2027-04-03 14:45"),  # half an hour, twice
        ("2027-04-30 00:00", "Africa/Cairo", "2027-04-29 22:00"),  # a day without a midnight
        ("2027-06-01 12:00", "Asia/Kolkata", "2027-06-01 06:30"),
    ],
)
def test_a_local_time_that_is_not_or_is_twice_is_decided(wall: str, name: str, utc: str) -> None:
    shown = datetime.fromisoformat(wall)
    assert instant(shown, zone(name)) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "wall", "quiet"),
    [
        (NIGHT, time(20, 59, 59), False),
        (NIGHT, time(21), True),
        (NIGHT, time(0), True),
        (NIGHT, time(7, 59, 59), True),
        (NIGHT, time(8), False),
        (AFTERNOON, time(12, 59), False),
        (AFTERNOON, time(13), True),
        (AFTERNOON, time(15), False),
    ],
)
def test_quiet_begins_on_the_minute_and_ends_on_the_minute(
    hours: QuietHours, wall: time, quiet: bool
) -> None:
    assert hours.holds(wall) is quiet


@pytest.mark.parametrize(
    ("e164", "names"),
    [
        ("+12025550123", {"America/New_York"}),
        (
            "+447700900123",
            {"Europe/London", "Europe/Guernsey", "Europe/Isle_of_Man"},
        ),
        ("+4915112345678", {"Europe/Berlin"}),
        ("+87012345678", set()),  # a satellite's, anywhere
    ],
)
def test_a_number_tells_the_zones_it_may_be_in(e164: str, names: set[str]) -> None:
    assert {place.key for place in zones_of(e164)} == names


def test_zones_with_no_hour_in_common_are_written_to_when_most_are_awake() -> None:
    """From Kaliningrad to Kamchatka, and only in the morning."""
    places = list(zones_of("+79161234567"))
    hours = QuietHours(time(11), time(9))
    found = next_allowed(SINCE, places, hours)
    awake = sum(allowed_at(found, [place], hours) for place in places)
    others = (
        sum(allowed_at(SINCE + n * 20 * MINUTE, [place], hours) for place in places)
        for n in range(72)
    )
    assert awake == max(others) > 1


def test_without_quiet_hours_everything_is_allowed() -> None:
    assert next_allowed(SINCE, [zone("UTC")], None) == SINCE == last_allowed(SINCE, [], None)
