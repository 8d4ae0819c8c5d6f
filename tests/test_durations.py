"""Lengths of time as ISO 8601 writes them."""

from datetime import timedelta

import pytest

from smsapp import durations

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "days", "time"),
    [
        ("P1D", 1, 0 * HOUR),
        ("P2W", 14, 0 * HOUR),
        ("P1W1D", 8, 0 * HOUR),
        ("PT2H", 0, 2 * HOUR),
        ("PT90M", 0, 1.5 * HOUR),
        ("P1DT12H30M", 1, 12.5 * HOUR),
        ("P60D", 60, 0 * HOUR),
    ],
)
def test_days_are_kept_apart_from_hours(text, days, time):
    found = durations.parse(text)
    assert (found.days, found.time, found.text) == (days, time, text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "P",
            "PT",
            "P1DT",
            "1D",
            "p1d",
            "P1H",
            "PT1D",
            "P1M",
            "P1Y",
            "P1.5D",
            " P1D",
            "P1D\n",
        ),
        *("P0D", "PT0M", "-P1D", "P-1D", "P61D", "P60DT1M", "P9W", "P٣D"),
    ],
)
def test_what_is_none_or_nothing_or_too_long_is_refused(text):
    with pytest.raises(ValueError, match="must be"):
        durations.parse(text)
