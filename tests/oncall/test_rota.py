"""Somebody is on call at every instant, by the clock on the wall, summer or winter."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.oncall.rota import MONDAY, Rota
from smsapp.quiet_hours import instant

pytestmark = pytest.mark.one_database

# Clocks that jump by an hour, by half of one, at midnight, over a whole day, and never.
ZONES = st.sampled_from(
    [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Beirut",
        "Pacific/Apia",
        "UTC",
    ]
).map(ZoneInfo)
HANDOVERS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 6), st.integers(0, 1439), st.integers(1, 5)),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[:3],
).map(
    lambda rows: [
        SimpleNamespace(week=week, weekday=weekday, minute=minute, person_id=who)
        for week, weekday, minute, who in rows
    ]
)
INSTANTS = st.integers(1_262_304_000, 2_051_222_400).map(lambda at: datetime.fromtimestamp(at, UTC))


@st.composite
def overrides(draw, around):
    found = []
    for _ in range(draw(st.integers(0, 3))):
        start = around + timedelta(minutes=draw(st.integers(-20_000, 20_000)))
        length = timedelta(minutes=draw(st.integers(1, 10_000)))
        who = draw(st.integers(1, 5))
        found.append(SimpleNamespace(person_id=who, starts_at=start, ends_at=start + length))
    return found


@given(st.data(), ZONES, HANDOVERS, INSTANTS)
def test_shifts_leave_no_gap_do_not_overlap_and_say_who_is_on_call(data, zone, handovers, at):
    rota = Rota(handovers, data.draw(overrides(at)), zone)
    until = at + timedelta(days=14)
    shifts = rota.shifts(at, until)
    assert (shifts[0].starts_at, shifts[-1].ends_at) == (at, until)
    assert all(one.ends_at == next_.starts_at for one, next_ in pairwise(shifts))
    for shift in shifts:
        assert shift.starts_at < shift.ends_at
        middle = shift.starts_at + (shift.ends_at - shift.starts_at) / 2
        last = shift.ends_at - timedelta(seconds=1)
        who = {rota.on_call(each) for each in (shift.starts_at, middle, last)}
        assert who == {shift.person_id}


@given(ZONES, HANDOVERS, INSTANTS)
def test_a_handover_is_when_the_clock_shows_it(zone, handovers, at):
    rota = Rota(handovers, [], zone)
    day = at.astimezone(zone).date()
    today = [
        row for row in handovers if (row.week, row.weekday) == (rota.week_of(day), day.weekday())
    ]
    for row in today:
        wall = datetime.combine(day, time(row.minute // 60, row.minute % 60))
        taken = instant(wall, zone)
        alike = [
            other
            for other in today
            if instant(wall.replace(hour=other.minute // 60, minute=other.minute % 60), zone)
            == taken
        ]
        later = max(alike, key=lambda other: other.minute)
        assert rota.on_call(taken) == later.person_id


@given(ZONES, HANDOVERS, INSTANTS)
def test_it_comes_round_again_after_its_weeks(zone, handovers, at):
    rota = Rota(handovers, [], zone)
    wall = at.astimezone(zone).replace(tzinfo=None, hour=12, minute=0, second=0)
    again = wall + timedelta(weeks=rota.weeks)
    # By the clock on the wall, not by hours: there may be a change of it in between.
    assert rota.on_call(instant(wall, zone)) == rota.on_call(instant(again, zone))


@given(st.data(), ZONES, HANDOVERS, INSTANTS)
def test_who_follows_is_somebody_else_and_takes_over_later(data, zone, handovers, at):
    rota = Rota(handovers, data.draw(overrides(at)), zone)
    following, now = rota.following(at), rota.on_call(at)
    others = {row.person_id for row in handovers} - {now}
    assert (following is None) == (not others)
    assert following is None or following in others


def handover(weekday, clock, who, week=1):
    hour, minute = map(int, clock.split(":"))
    return SimpleNamespace(week=week, weekday=weekday, minute=hour * 60 + minute, person_id=who)


SUNDAY = 6
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("at", "who"),
    [
        # In the spring the clock jumps from 02:00 to 03:00, and 02:30 is at the jump.
        ("2026-03-29T00:59:59Z", 1),
        ("2026-03-29T01:00:00Z", 2),
        # In autumn it shows 02:30 twice, and the first counts.
        ("2026-10-25T00:29:59Z", 1),
        ("2026-10-25T00:30:00Z", 2),
        ("2026-10-25T01:29:59Z", 2),
    ],
)
def test_a_handover_that_the_clock_jumps_over_is_at_the_jump_and_of_two_the_first(at, who):
    rota = Rota([handover(0, "09:00", 1), handover(SUNDAY, "02:30", 2)], [], BERLIN)
    assert rota.on_call(datetime.fromisoformat(at)) == who


def test_two_take_turns_by_weeks():
    rota = Rota([handover(0, "09:00", 1), handover(0, "09:00", 2, week=2)], [], BERLIN)
    monday = datetime(2026, 11, 23, 12, tzinfo=UTC)
    turns = [rota.on_call(monday + timedelta(weeks=number)) for number in range(4)]
    assert sorted(turns[:2]) == [1, 2]
    assert turns[:2] == turns[2:]


def test_of_two_that_stand_in_the_later_made_counts():
    day = datetime(2026, 11, 23, tzinfo=UTC)
    hours = [day + timedelta(hours=number) for number in range(5)]
    rota = Rota(
        [handover(0, "00:00", 1)],
        [
            SimpleNamespace(person_id=2, starts_at=hours[1], ends_at=hours[4]),
            SimpleNamespace(person_id=3, starts_at=hours[2], ends_at=hours[3]),
        ],
        ZoneInfo("UTC"),
    )
    assert [rota.on_call(hour) for hour in hours] == [1, 2, 3, 2, 1]


def test_an_empty_rota_has_nobody():
    rota = Rota([], [], BERLIN)
    at = datetime(2026, 11, 23, tzinfo=UTC)
    assert (rota.on_call(at), rota.following(at)) == (None, None)
    assert rota.shifts(at, at + timedelta(days=7)) == []
    assert MONDAY.weekday() == 0
