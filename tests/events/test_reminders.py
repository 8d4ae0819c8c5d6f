"""Reminders: so long before an appointment, in time, once, and never at night."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.durations import parse
from smsapp.events.reminders import PASSED, SAME_TIME, plan
from smsapp.quiet_hours import QuietHours, allowed_at, zone_names

NIGHT = QuietHours(time(21), time(8))
BERLIN = (ZoneInfo("Europe/Berlin"),)
CHICAGO = (ZoneInfo("America/Chicago"),)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

DURATIONS = st.sampled_from(["P1D", "P2D", "P1W", "PT2H", "PT30M", "PT9H", "P1DT3H", "P60D"])
STARTS = st.integers(0, 730 * 24 * 4).map(
    lambda quarters: datetime(2026, 4, 1, tzinfo=UTC) + quarters * timedelta(minutes=15)
)


def at(text, zones):
    return datetime.fromisoformat(text).replace(tzinfo=zones[0])


def due(starts_at, *before, zones=BERLIN, hours=NIGHT, now=LONG_AGO):
    """Return when each is due by the clock there, or why it is left out."""
    planned = plan(at(starts_at, zones), [parse(text) for text in before], zones, hours, now)
    return [
        each.why_not or f"{each.due_at.astimezone(zones[0]):%Y-%m-%d %H:%M}" for each in planned
    ]


def test_a_day_is_one_of_the_calendar_and_an_hour_one_of_the_clock():
    assert due("2026-10-25 12:00", "P1D", "PT2H") == ["2026-10-24 12:00", "2026-10-25 10:00"]
    assert due("2027-03-14 12:00", "P1D", zones=CHICAGO) == ["2027-03-13 12:00"]
    # 24 hours before is not a day before where the clocks were changed.
    assert due("2026-10-25 12:00", "PT24H") == ["2026-10-24 13:00"]


def test_an_hour_that_does_not_exist_is_the_next_that_does():
    assert due("2027-03-29 02:30", "P1D", hours=None) == ["2027-03-28 03:00"]


def test_at_night_it_is_the_last_minute_of_the_evening_before():
    assert due("2026-12-04 07:30", "PT2H") == ["2026-12-03 20:59"]
    assert due("2026-12-04 23:00", "P1D") == ["2026-12-03 20:59"]
    assert due("2026-12-04 10:00", "PT2H") == ["2026-12-04 08:00"]
    assert due("2026-12-04 09:59", "PT2H") == ["2026-12-03 20:59"]


def test_what_would_have_been_earlier_is_left_out_and_so_is_a_second_at_the_same_time():
    booked = at("2026-12-03 22:00", BERLIN)
    assert due("2026-12-04 07:30", "P1D", "PT2H", "PT10M", now=booked) == [PASSED] * 3
    assert due("2026-12-04 07:30", "PT2H", "PT3H") == ["2026-12-03 20:59", SAME_TIME]


def test_each_is_of_use_until_the_next_is_due():
    starts_at = at("2026-12-04 14:00", BERLIN)
    day, hours = plan(starts_at, [parse("P1D"), parse("PT2H")], BERLIN, NIGHT, LONG_AGO)
    assert (day.expires_at, hours.expires_at) == (hours.due_at, starts_at)


@given(
    STARTS,
    st.lists(DURATIONS, max_size=5, unique=True),
    st.lists(st.sampled_from(sorted(zone_names())).map(ZoneInfo), max_size=2),
    st.sampled_from([NIGHT, None]),
    st.timedeltas(timedelta(minutes=-1), timedelta(days=70)),
)
def test_none_is_late_or_twice_or_at_night(starts_at, before, zones, hours, ahead):
    now = starts_at - ahead
    planned = plan(starts_at, [parse(text) for text in before], zones, hours, now)
    assert [each.before.text for each in planned] == before
    times = [each.due_at for each in planned if each.due_at]
    assert len(times) == len(set(times))
    for each in planned:
        assert (each.due_at is None) == (each.why_not is not None)
        if each.due_at:
            assert now < each.due_at < each.expires_at <= starts_at
            assert len(zones) == 2 or allowed_at(each.due_at, zones, hours)


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 7, 1)])
def test_where_nobody_knows_the_calendar_a_day_is_24_hours(day):
    zones = [ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")]
    starts_at = datetime.combine(day, time(12), UTC)
    (planned,) = plan(starts_at, [parse("P1D")], zones, None, LONG_AGO)
    assert planned.due_at == starts_at - timedelta(days=1)
