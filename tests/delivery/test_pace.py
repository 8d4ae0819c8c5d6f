"""The rate follows what Twilio and the carriers take, and chance does not throttle it."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.delivery import pace
from smsapp.delivery.pace import Heard
from smsapp.delivery.sender import SenderState

START = datetime(2026, 11, 21, 9, tzinfo=UTC)


def after(seconds):
    return START + timedelta(seconds=seconds)


class Simulation:
    """A sender that always has texts, and a carrier: `takes(second, dice)` says for each text.

    Its answers come `late` seconds later, so that what is known is never what is.
    """

    def __init__(self, most, takes, seconds, late=0.1, offered=200.0):
        self.most, self.late = most, late
        self.state, self.sent = SenderState(), []
        dice, told, now = random.Random(1), 0, 0.0
        while now < seconds:
            while told < len(self.sent) and self.sent[told][0] + late <= now:
                self._hear(told)
                told += 1
            self.sent.append((now, takes(now, dice)))
            now += 1 / min(self.rate(now) or offered, offered)

    def _hear(self, told):
        left, taken = self.sent[told]
        if taken:
            return
        left_at = after(left)
        since = pace.looked_at_since(self.state, self.most, left_at)
        known = []
        while told >= 0 and after(self.sent[told][0]) > since and len(known) < 1000:
            known.append(self.sent[told])
            told -= 1
        refused = sum(not taken for _, taken in known)
        heard = Heard(len(known), refused, left - known[-1][0] if known else 0.0)
        fallen = pace.fallen(self.state, self.most, left_at, heard)
        if fallen is not None:
            self.state = SenderState(slowed_at=after(left + self.late), slowed_to=fallen)

    def rate(self, second):
        return pace.rate(self.state, self.most, after(second))

    def between(self, first, last):
        """Return how many texts were taken in a second, and the share that was refused."""
        taken = [taken for at, taken in self.sent if first <= at < last]
        return sum(taken) / (last - first), 1 - sum(taken) / len(taken)


def one_in_twenty_refused(_now, dice):
    return dice.random() >= 0.05


def at_most(per_second, *, until=1e9):
    """Return a carrier that takes so many a second, from the tenth second on."""
    tokens, last = 1.0, 0.0

    def takes(now, _dice):
        nonlocal tokens, last
        tokens, last = min(per_second / 4 + 1, tokens + (now - last) * per_second), now
        if not 10 <= now < until:
            return True
        is_taken = tokens >= 1
        tokens -= is_taken
        return is_taken

    return takes


@pytest.mark.parametrize("most", [1, 10, 20, 80, 200])
def test_chance_refusals_of_one_in_twenty_leave_four_fifths_of_the_rate(most):
    seconds = 6000 / most
    run = Simulation(most, one_in_twenty_refused, seconds, offered=most)
    assert run.between(0, seconds)[0] >= 0.8 * most


@pytest.mark.parametrize(("most", "late"), [(20, 0.1), (80, 0.1), (200, 0.1), (80, 3), (200, 3)])
def test_at_a_carrier_that_takes_a_quarter_it_settles_and_is_back_within_a_minute(most, late):
    """News that is 3 s late is a receipt's."""
    run = Simulation(most, at_most(most / 4, until=160), 221, late, offered=most)
    taken, refused = run.between(70, 160)
    assert refused < 0.1
    assert taken >= 0.8 * most / 4
    assert run.rate(220) == most


def test_without_a_limit_it_settles_too_and_is_unlimited_again_in_the_end():
    run = Simulation(None, at_most(50, until=100), 460)
    taken, refused = run.between(60, 100)
    assert refused < 0.1
    assert taken >= 0.8 * 50
    assert run.rate(459) is None


@given(
    st.floats(0.5, 1000),
    st.none() | st.floats(0.5, 1000),
    st.lists(st.floats(0, 1000), min_size=2, max_size=20).map(sorted),
)
def test_a_slowed_sender_only_rises_with_time_and_never_above_the_setting(to, most, seconds):
    slowed = SenderState(slowed_at=START, slowed_to=to)
    rates = [pace.rate(slowed, most, after(second)) for second in seconds]
    known = [rate for rate in rates if rate is not None]
    assert known == sorted(known)
    assert most is None or known[-1] <= most
    assert pace.rate(slowed, most, after(1e4)) == most


@given(st.floats(0.5, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_it_falls_by_more_the_more_was_refused_and_never_to_nothing(most, one, other):
    less, more = sorted((one, other))
    rates = [
        pace.fallen(SenderState(), most, START, Heard(1000, refused, 5)) or most
        for refused in (less, more)
    ]
    assert most >= rates[0] >= rates[1] >= pace.SLOWEST


def test_what_left_before_the_last_fall_is_old_news():
    slowed = SenderState(slowed_at=START, slowed_to=50)
    all_refused = Heard(100, 100, 1)
    assert pace.fallen(slowed, 200, START, all_refused) is None
    assert pace.fallen(slowed, 200, after(0.1), all_refused) < 50
    assert pace.looked_at_since(slowed, 200, after(1)) == START
