"""How long to wait before trying again."""

from datetime import timedelta

import pytest

from smsapp import backoff

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("first", "cap", "seconds"),
    [
        (8 * SECOND, MINUTE, [8, 16, 32, 60, 60]),
        (10 * SECOND, 60 * MINUTE, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]),
    ],
)
def test_a_wait_doubles_with_each_try_up_to_its_cap(first, cap, seconds):
    waits = [backoff.exponential(tries, first, cap) for tries in range(1, len(seconds) + 1)]
    assert waits == [second * SECOND for second in seconds]


def test_however_often_it_was_tried_the_cap_holds():
    assert backoff.exponential(100_000, SECOND, MINUTE) == MINUTE


def test_full_jitter_is_anywhere_up_to_the_wait():
    waits = [backoff.full_jitter(MINUTE) for _ in range(300)]
    assert timedelta(0) <= min(waits) < MINUTE / 4
    assert MINUTE * 3 / 4 < max(waits) <= MINUTE
