"""A clock that is set back by two hours delays nothing by two hours."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from smsapp import clock_steps, worker
from smsapp.delivery import leases
from smsapp.errors import RateLimited
from smsapp.extensions import database_now, db, limiter, new_id, reading
from smsapp.jobs import claim_job
from smsapp.models import Delivery, ScheduledJob, Sender, Verification, Worker
from smsapp.recipients import asker, verification_limits
from smsapp.web import jobs as web_jobs
from tests.conftest import KEY, claim, make_earlier, run_worker

BACK = timedelta(hours=2)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def set_back(app):
    """Set the clock back: whatever was written so far was written in what is now the future."""

    def set_back(by=BACK):
        with app.app_context(), db.engine.begin() as conn:
            clock_steps.catch_up(conn)
            for model, *names in (
                (Delivery, "due_at", "lease_until", "check_at", "state_at", "created_at"),
                (Sender, "probe_at", "slowed_at", "next_slot_at", "held_at"),
                (ScheduledJob, "due_at"),
                (Worker, "seen_at"),
                (Verification, "started_at"),
            ):
                make_earlier(conn, model, -by, *names)

    return set_back


@pytest.fixture
def beat(app):
    """Let a worker say that it is there, as it does every few seconds."""

    def beat():
        with app.app_context():
            worker._beat("one")

    return beat


def due(app):
    """Return the deliveries that wait, in their order, and in how long each is due."""
    with app.app_context(), reading() as conn:
        now = database_now(conn)
        query = select(Delivery.event_id, Delivery.due_at).where(Delivery.due_at.is_not(None))
        return [(event, at - now) for event, at in conn.execute(query.order_by(Delivery.due_at))]


def test_what_was_due_goes_in_its_order_and_before_what_came_later(
    app, shop, twilio, set_back, beat
):
    for name in ("first-event", "second-event"):
        shop.ships(name, orderId=name, prefer="respond-async")
    set_back()
    beat()
    shop.ships("third-event", orderId="third-event", prefer="respond-async")
    assert run_worker(app) == 3
    orders = [
        name
        for call in twilio.calls
        for name in ("first", "second", "third")
        if name in call["body"]
    ]
    assert orders == ["first", "second", "third"]


def test_what_waits_for_minutes_waits_for_no_hours(app, shop, twilio, write, set_back, beat):
    shop.ships(prefer="respond-async")
    write(lambda now: update(Delivery).values(due_at=now + 5 * MINUTE))
    set_back()
    beat()
    ((_, wait),) = due(app)
    assert 4 * MINUTE < wait <= 5 * MINUTE


def test_what_was_put_off_since_keeps_its_hour(app, shop, twilio, write, set_back, beat):
    set_back()
    shop.ships(prefer="respond-async")
    write(lambda now: update(Delivery).values(due_at=now + 3 * BACK))
    beat()
    ((_, wait),) = due(app)
    assert 3 * BACK - MINUTE < wait <= 3 * BACK


def test_nothing_moves_twice(app, shop, twilio, write, set_back, beat):
    shop.ships(prefer="respond-async")
    write(lambda now: update(Delivery).values(due_at=now + 3 * BACK))
    set_back()
    beat()
    beat()
    ((_, wait),) = due(app)
    assert 3 * BACK - MINUTE < wait <= 3 * BACK


def test_a_small_correction_moves_nothing(app, shop, twilio, write, set_back, beat):
    shop.ships(prefer="respond-async")
    write(lambda now: update(Delivery).values(due_at=now + 5 * MINUTE))
    set_back(timedelta(seconds=20))
    beat()
    ((_, wait),) = due(app)
    assert wait > 5 * MINUTE


def test_a_lease_lapses_in_its_time(app, shop, twilio, set_back, beat):
    shop.ships(prefer="respond-async")
    claim(app)
    set_back()
    beat()
    with app.app_context(), db.engine.begin() as conn:
        make_earlier(conn, Delivery, MINUTE, "lease_until")
        assert leases.lapse(conn) == 1


def test_a_held_sender_is_tried_again_and_a_slowed_one_recovers(app, write, set_back, beat):
    name = app.extensions["settings"].sms_sender
    times = ("held_at", "probe_at", "slowed_at", "next_slot_at")
    write(
        lambda now: Sender.__table__.insert().values(
            name=name, held_code=20003, slowed_to=1.0, **dict.fromkeys(times, now)
        )
    )
    set_back()
    beat()
    with app.app_context(), reading() as conn:
        row = conn.execute(select(Sender.probe_at, Sender.slowed_at, Sender.next_slot_at)).one()
        assert max(row) <= database_now(conn)


def test_a_job_is_claimed_again_and_a_dead_worker_is_missed(app, client, set_back, beat, write):
    with app.app_context():
        assert claim_job("some job", MINUTE)
    write(lambda now: Worker.__table__.insert().values(name="two", seen_at=now - 2 * MINUTE))
    set_back()
    beat()
    write(lambda now: update(Worker).where(Worker.name == "one").values(seen_at=now - BACK))
    assert client.get("/readyz").json["workerIsSilent"]
    with app.app_context(), db.engine.begin() as conn:
        make_earlier(conn, ScheduledJob, MINUTE, "due_at")
    with app.app_context():
        assert claim_job("some job", MINUTE)


def test_who_had_too_many_codes_may_have_one_after_minutes(
    app, shop, twilio, write, set_back, beat
):
    shop.ships()
    for _ in range(3):
        write(
            lambda now: Verification.__table__.insert().values(
                id=new_id(),
                phone_key=KEY,
                prefix="+1202",
                channel="sms",
                verify_sid="VE1",
                checks=0,
                session_checks=0,
                session=asker.service().session,
                started_at=now,
            )
        )
    set_back()
    beat()
    with app.app_context(), reading() as conn, pytest.raises(RateLimited) as refused:
        verification_limits.next_start(conn, KEY, asker.service(), database_now(conn))
    assert refused.value.retry_after <= 600


def test_counts_in_memory_end_too(app):
    with app.app_context(), time_machine.travel(0) as clock:
        look = web_jobs.limits_end_in_time()
        limiter.storage.incr("LIMITS:x", 60)
        look()
        assert limiter.storage.get("LIMITS:x") == 1
        clock.shift(-BACK)
        look()
        assert limiter.storage.get("LIMITS:x") == 0
