"""Opening hours, by the clock on the shop's wall."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.opening_hours import DAYS, OpeningHours, read_holiday, read_span, read_zone

BERLIN = ZoneInfo("Europe/Berlin")
SHOP = OpeningHours(
    BERLIN,
    dict.fromkeys(DAYS[:5], ((540, 750), (810, 1080))),
    frozenset({"12-25", "2026-12-24"}),
)


def berlin(*when):
    return datetime(*when, tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "closes", "opens"),
    [
        (berlin(2026, 12, 1, 9), berlin(2026, 12, 1, 12, 30), berlin(2026, 12, 1, 13, 30)),
        (berlin(2026, 12, 1, 12, 30), None, berlin(2026, 12, 1, 13, 30)),
        (berlin(2026, 12, 1, 18), None, berlin(2026, 12, 2, 9)),
        (berlin(2026, 12, 23, 18), None, berlin(2026, 12, 28, 9)),  # over Christmas
        (berlin(2027, 3, 26, 18), None, berlin(2027, 3, 29, 9)),  # the clock goes forward
    ],
)
def test_it_closes_and_opens_by_its_own_clock(at, closes, opens):
    assert (SHOP.closes_at(at), SHOP.opens_at(at)) == (closes, opens)


@given(
    st.integers(0, 2 * 366 * 1440),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)
def test_at_any_instant_it_is_open_until_it_closes_or_closed_until_it_opens(minute, zone):
    shop = OpeningHours(ZoneInfo(zone), SHOP.spans, SHOP.holidays)
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    closes, opens = shop.closes_at(at), shop.opens_at(at)
    assert opens > at
    assert shop.closes_at(opens) is not None
    assert shop.closes_at(opens - timedelta(minutes=1)) is None
    if closes:
        assert at < closes <= at + timedelta(hours=10)
        assert shop.closes_at(closes) is None


def test_a_shop_that_never_opens_says_so():
    assert OpeningHours(BERLIN, {}, frozenset()).opens_at(berlin(2026, 1, 1)) is None


@pytest.mark.parametrize("text", ["9:00-18:00", "09:00-09:00", "18:00-09:00", "09:00-24:01", "x"])
def test_hours_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="must"):
        read_span(text)


def test_midnight_is_the_end_of_a_day():
    assert read_span("18:00-24:00") == (1080, 1440)
    late = OpeningHours(BERLIN, {"tue": ((1080, 1440),)}, frozenset())
    assert late.closes_at(berlin(2026, 12, 1, 23)) == berlin(2026, 12, 2, 0)


@pytest.mark.parametrize("text", ["02-30", "2026-02-29", "13-01", "25.12."])
def test_days_that_there_are_not_are_refused(text):
    with pytest.raises(ValueError, match="day"):
        read_holiday(text)


def test_a_zone_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="Europe/Berlin"):
        read_zone("Berlin")
