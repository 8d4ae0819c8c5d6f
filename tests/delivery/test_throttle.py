"""Never more texts than MESSAGES_PER_SECOND in any second, and hardly fewer while work waits."""

import itertools
import math
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from smsapp import worker
from smsapp.delivery import circuit_breaker, pace, sending, throttle
from smsapp.delivery.receipt_rows import IncomingReceipt
from smsapp.delivery.receipts import handle
from smsapp.delivery.sender import SenderState
from smsapp.extensions import db
from smsapp.models import Attempt, Delivery, Sender
from smsapp.providers.messages import Sent
from smsapp.providers.outcomes import Refused
from smsapp.providers.twilio_codes import SLOWS_SENDER
from tests.conftest import at_once, change, claim, command, make_due, opt_out, settings_of, sid

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
NAME = "+15005550006"
# Seconds that a call may take longer than another from our socket to Twilio's door.
ON_THE_WAY = 0.01


def most_in(seconds, times):
    """Return the most of the times that any window of so many seconds holds."""
    times = sorted(times)
    return max(
        sum(first <= at < first + seconds for at in times[n:]) for n, first in enumerate(times)
    )


def seconds_of(reservations):
    return [(reservation - START).total_seconds() for reservation in reservations]


claims = st.lists(
    st.tuples(
        st.floats(0, 2),  # seconds since the claim before
        st.integers(1, 40),  # texts wanted
        st.sampled_from([throttle.AHEAD, throttle.REQUEST_WAITS, throttle.LATE_WAITS]),
    ),
    max_size=60,
)


rates = st.one_of(st.integers(1, 300), st.sampled_from([0.1, 0.5, 0.9, 1.5, 12.7]))


@given(rates, claims, st.data())
def test_no_second_holds_more_than_the_rate_whoever_claims_and_however_late_they_call(
    rate, claims, data
):
    now, free_at, called = START, None, []
    apart = throttle.spacing(rate)
    for wait, wanted, ahead in claims:
        now += timedelta(seconds=wait)
        reservations = throttle.free_times(free_at, now, apart, wanted, ahead)
        assert all(now <= reservation <= now + ahead for reservation in reservations)
        if reservations:
            free_at = reservations[-1] + apart
        late = st.floats(0, throttle.LATE_SECONDS + ON_THE_WAY)
        called += [at + data.draw(late) for at in seconds_of(reservations)]
    if called:
        assert most_in(1.0, called) <= math.ceil(rate)
        if rate < 1:
            assert most_in(1 / rate, called) <= 1


@given(st.integers(1, 300), st.floats(0.01, 0.38))
def test_while_work_waits_at_least_93_percent_are_used_over_ten_seconds(rate, look_every):
    now, free_at, taken = START, None, []
    apart = throttle.spacing(rate)
    while now < START + timedelta(seconds=12):
        if throttle.free_times(free_at, now, apart, 1, throttle.REFILL):
            reservations = throttle.free_times(free_at, now, apart, rate, throttle.AHEAD)
            free_at = reservations[-1] + apart
            taken += seconds_of(reservations)
        now += timedelta(seconds=look_every)
    assert sum(at < 10 for at in taken) >= 0.93 * 10 * rate


def test_a_clock_set_back_does_not_stop_the_texts():
    an_hour_ahead = START + timedelta(hours=1)
    apart = throttle.spacing(10)
    assert throttle.free_times(an_hour_ahead, START, apart, 1, throttle.AHEAD) == [START]


def test_claimers_at_once_share_one_row_of_slots(app):
    taken, lock = [], threading.Lock()

    def claim():
        with app.app_context():
            for _ in range(8):
                with db.engine.begin() as conn:
                    reservations = throttle.reserve(conn, NAME, 50, 3, timedelta(seconds=60))
                with lock:
                    taken.extend(reservations)

    at_once(*[claim] * 6)
    taken.sort()
    assert len(taken) == 6 * 8 * 3
    apart = throttle.spacing(50).total_seconds()
    # Each claimer reads the two clocks one after the other.
    assert all(later - at > apart - 0.015 for at, later in itertools.pairwise(taken))
    assert taken[-1] - taken[0] >= apart * (len(taken) - 1) - 0.015


def test_without_a_rate_nothing_waits_and_nothing_is_written(app, shop, twilio, rows):
    for number in range(5):
        assert shop.ships(f"order-{number}-shipped", orderId=str(number)).json["status"] == "sent"
    assert rows.all(Sender) == []


def test_a_request_sends_by_itself_only_while_its_turn_is_now(app, shop, twilio, rows):
    with settings_of(app, MESSAGES_PER_SECOND="0.5"):
        answers = shop.ships_many(3)
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert [answer.json["status"] for answer in answers] == ["sent", "pending", "pending"]
    assert len(twilio.calls) == 1


def test_a_request_does_not_overtake_what_waits(app, shop, twilio):
    shop.ships(prefer="respond-async")
    with settings_of(app, MESSAGES_PER_SECOND="80"):
        answer = shop.ships("order-1002-shipped", orderId="1002")
    assert answer.json["status"] == "pending"
    assert twilio.calls == []


def test_a_worker_claims_what_has_a_slot_soon_and_leaves_the_rest(app, shop, twilio, rows):
    shop.ships_many(9, prefer="respond-async")
    with settings_of(app, MESSAGES_PER_SECOND="10"), app.app_context():
        found = claim(app, 32)
        assert len(found) == 6  # those of AHEAD
        assert not worker._may_anything_go()
    waits = [later.call_at - at.call_at for at, later in itertools.pairwise(found)]
    assert waits == pytest.approx([throttle.spacing(10).total_seconds()] * 5, abs=1e-4)
    assert len(rows.all(Attempt)) == 6


def in_real_time(app, seconds, *, workers, **environment):
    """Run so many workers for some seconds."""
    stopping = threading.Event()

    def ends():
        time.sleep(seconds)
        stopping.set()

    with settings_of(app, **environment):
        at_once(*[lambda: worker.run(app.app_context, stopping)] * workers, ends)


def queue(app, shop, texts):
    for number in range(texts):
        shop.ships(
            f"order-{number:04}-shipped",
            orderId=str(number),
            phone=f"+1202555{number:04}",
            prefer="respond-async",
        )


@pytest.mark.long
def test_two_workers_keep_the_rate_in_every_second_and_use_it(app, shop, twilio):
    """The times are those at which the call to Twilio begins."""
    rate, seconds, calls, numbers = 25, 5, [], itertools.count(1)

    def accept():
        calls.append(time.monotonic())
        number = next(numbers)
        time.sleep(0.1)
        return Sent(sid(number), "queued", 1)

    twilio.answers += [accept] * 1000
    queue(app, shop, rate * (seconds + 3))
    in_real_time(app, seconds + 2, workers=2, MESSAGES_PER_SECOND=str(rate), WORKER_THREADS="12")
    assert most_in(1.0, calls) <= rate
    assert most_in(seconds, calls) >= 0.93 * rate * seconds


def test_a_call_that_is_late_for_its_slot_takes_another(app, shop, twilio, rows):
    with settings_of(app, MESSAGES_PER_SECOND="20"), app.app_context():
        shop.ships(prefer="respond-async")
        (claimed,) = claim(app)
        time.sleep(max(0.0, claimed.call_at + 2 * throttle.LATE_SECONDS - time.monotonic()))
        before = rows.one(Sender).next_slot_at
        worker.send(claimed)
    assert rows.one(Sender).next_slot_at > before
    assert rows.delivery.state == "sent"


def test_on_a_machine_that_is_always_late_a_text_leaves_all_the_same(
    app, shop, twilio, rows, monkeypatch
):
    sleep_until = sending._sleep_until
    monkeypatch.setattr(sending, "_sleep_until", lambda at: sleep_until(at + 0.05))
    shop.ships(prefer="respond-async")
    with settings_of(app, MESSAGES_PER_SECOND="200"), app.app_context():
        (claimed,) = claim(app)
        assert worker.send(claimed).state == "sent"


def claim_with_a_turn_ahead(app, shop):
    """Return the claim of a text that has to wait a little for its reservation."""
    queue(app, shop, 2)
    return claim(app, 2)[1]


def test_a_stop_while_a_text_waits_for_its_turn_wins(app, shop, twilio, rows):
    with settings_of(app, MESSAGES_PER_SECOND="5"), app.app_context():
        claimed = claim_with_a_turn_ahead(app, shop)
        opt_out(app, claimed.e164)
        assert worker.send(claimed).state == "pending"
        make_due(app)
        worker.run_once()
    states = {row.id: row.state for row in rows.all(Delivery)}
    assert states[claimed.delivery_id] == "suppressed"
    assert twilio.calls == []


def test_a_pause_while_a_text_waits_for_its_turn_counts(app, shop, twilio, rows):
    with settings_of(app, MESSAGES_PER_SECOND="5"), app.app_context():
        claimed = claim_with_a_turn_ahead(app, shop)
        command(app, "sending", "pause")
        assert worker.send(claimed).state == "pending"
    assert twilio.calls == []
    (tries,) = {row.tries for row in rows.all(Delivery) if row.id == claimed.delivery_id}
    assert tries == 0
    shown = shop.get(f"/api/deliveries/{claimed.delivery_id}").json
    assert "kept back" in shown["error"]["cause"]


def slowed_to(rows):
    return rows.one(Sender).slowed_to


def test_too_many_requests_slow_down_once_for_all_that_left_at_that_rate(app, shop, twilio, rows):
    twilio.answers += [Refused(429, 20429, None)] * 9
    queue(app, shop, 9)
    with settings_of(app, MESSAGES_PER_SECOND="80"), app.app_context():
        worker.run_once()
        once = slowed_to(rows)
        assert pace.SLOWEST < once < 80
        twilio.answers += [Refused(429, 20429, None)] * 9
        make_due(app)
        worker.run_once()
    assert slowed_to(rows) < once


def test_a_chance_refusal_slows_nothing_down(app, shop, twilio, rows):
    queue(app, shop, 20)
    twilio.answers += [Sent(sid(n), "queued", 1) for n in range(19)] + [Refused(429, 20429, None)]
    with settings_of(app, MESSAGES_PER_SECOND="80", WORKER_THREADS="20"), app.app_context():
        worker.run_once()
    assert slowed_to(rows) is None


def test_where_no_rate_is_set_it_falls_from_that_of_the_last_seconds(app, shop, twilio, rows):
    queue(app, shop, 30)
    taken = [Sent(sid(n), "queued", 1) for n in range(22)]
    twilio.answers += taken + [Refused(429, None, None)] * 8
    with settings_of(app, WORKER_THREADS="30"), app.app_context():
        worker.run_once()
    heard = pace.Heard(30, 8, 0.1)
    assert slowed_to(rows) == pytest.approx(pace.fallen(SenderState(), None, START, heard))


@pytest.mark.parametrize("code", sorted(SLOWS_SENDER - {20429, 21611}))
def test_a_carriers_limit_on_receipts_slows_down_too(app, shop, twilio, rows, code):
    shop.ships_many(8)
    with app.app_context(), settings_of(app, MESSAGES_PER_SECOND="80"):
        *most, last = sorted(rows.all(Attempt), key=lambda row: row.id)
        for attempt in most:
            handle(IncomingReceipt(attempt.id, attempt.sid, "failed", code))
        once = slowed_to(rows)
        assert once < 80
        handle(IncomingReceipt(last.id, last.sid, "failed", code))  # it left before that
    assert slowed_to(rows) == once


def test_the_days_limit_of_the_account_holds_the_sender_and_is_asked_once_an_hour(
    app, shop, twilio, rows
):
    twilio.rejects(63038, 429)
    shop.ships()
    held = rows.one(Sender)
    assert (held.held_code, held.probe_at - held.held_at) == (63038, timedelta(hours=1))
    assert (rows.delivery.state, rows.delivery.tries) == ("pending", 0)

    twilio.rejects(63038, 429)
    change(app, Sender, probe_at=Sender.held_at)
    with app.app_context():
        assert [worker.run_once(), worker.run_once()] == [1, 0]
        assert rows.one(Sender).probe_at - held.held_at >= timedelta(minutes=59)
        with db.engine.begin() as conn:
            conn.execute(update(Sender).values(probe_at=Sender.held_at))
        assert worker.run_once() == 1
    assert rows.one(Sender).held_at is None
    assert rows.delivery.state == "sent"


def test_a_held_sender_is_probed_by_what_holds_it_now(app):
    with app.app_context(), db.engine.begin() as conn:
        assert circuit_breaker.trip(conn, NAME, 63038, START)
        assert not circuit_breaker.trip(conn, NAME, 63038, START)
        assert circuit_breaker.trip(conn, NAME, 20003, START)
        probe_at = conn.execute(select(Sender.probe_at)).scalar_one()
    assert probe_at == START + timedelta(seconds=circuit_breaker.HALF_OPEN_SECONDS)


def test_readyz_tells_the_rate(app, client):
    assert client.get("/readyz").json["messagesPerSecond"] is None
    with settings_of(app, MESSAGES_PER_SECOND="80"):
        assert client.get("/readyz").json["messagesPerSecond"] == 80


@pytest.mark.parametrize(
    ("per_second", "words"),
    [
        (0.5, "0.5 texts a second"),
        (1.0, "1 text a second"),
        (12.345, "12.3 texts a second"),
        (999.4, "999 texts a second"),
        (1300.0, "1,300 texts a second"),
        (9999.9, "10,000 texts a second"),
    ],
)
def test_a_rate_is_said_in_plain_numbers(per_second, words):
    assert throttle.in_words(per_second) == words
