"""One call, no transaction, and what follows from each outcome."""

import contextlib
import threading
from datetime import timedelta
from queue import SimpleQueue
from types import SimpleNamespace

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError

from smsapp import worker
from smsapp.delivery import group_commit, leases, retry, sending
from smsapp.delivery.call_results import CallResult
from smsapp.delivery.settle import settle
from smsapp.extensions import db
from smsapp.models import Delivery, Sender
from smsapp.providers.messages import Sent
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from tests.conftest import (
    ALICE,
    at_once,
    change,
    claim,
    make_due,
    run_until_settled,
    run_worker,
    settings_of,
    sid,
)


def test_no_transaction_is_open_during_the_call(app, shop, twilio):
    seen = {}

    def look():
        seen["checked out"] = db.engine.pool.checkedout()
        with db.engine.connect() as conn:
            if conn.dialect.name == "postgresql":
                seen["open"] = conn.execute(
                    text(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                        " AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
                    )
                ).scalar_one()
            else:  # another connection can take the write lock
                conn.exec_driver_sql("SELECT 1")
        return twilio.accepts()

    twilio.answers += [look, look]
    shop.ships()
    shop.ships("order-1002-shipped", orderId="1002", prefer="respond-async")
    run_worker(app)
    assert len(twilio.calls) == 2
    assert seen["checked out"] == 0
    assert seen.get("open", 0) == 0


def test_the_attempt_is_committed_before_the_call(app, shop, twilio, rows):
    def look():
        (attempt,) = rows.attempts
        assert attempt.state == "sending"
        assert rows.delivery.state == "sending"
        return Sent(sid(1), "queued", 1)

    twilio.answers.append(look)
    assert shop.ships().status_code == 202


def test_transient_troubles_are_tried_five_times_and_no_more(app, shop, twilio, rows):
    twilio.answers += [Refused(400, 30410, None)] * 9
    shop.ships()
    run_until_settled(app)

    assert len(twilio.calls) == 5
    assert rows.delivery.state == "failed"
    assert rows.delivery.reason == "attempts_spent"


@pytest.mark.parametrize(
    "outcome", [Unwritten("connect"), Refused(429, 20429, None), Refused(400, 21611, None)]
)
def test_an_outage_of_twilio_or_being_too_fast_spends_nothing(app, shop, twilio, rows, outcome):
    twilio.answers += [outcome] * 20
    shop.ships()
    run_until_settled(app)
    assert rows.delivery.state == "sent"
    assert len(rows.attempts) == 21


def test_a_texts_retry_has_its_place_among_the_days_texts(app, shop, twilio, rows):
    twilio.rejects(20429, 429)
    with settings_of(app, MAX_TEXTS_PER_NUMBER_PER_DAY="1"):
        shop.ships()
        run_until_settled(app)
    assert rows.delivery.state == "sent"


def test_a_failed_commit_of_a_claim_costs_no_sender(app, shop, twilio, monkeypatch):
    shop.ships_many(3, prefer="respond-async")
    idle = threading.Semaphore(4)

    @contextlib.contextmanager
    def lost():
        with begin() as conn:
            yield conn
            raise OperationalError("COMMIT", None, Exception())

    with app.app_context():
        begin = db.engine.begin
        monkeypatch.setattr(type(db.engine), "begin", lambda _: lost())
        with pytest.raises(OperationalError):
            worker._claim(idle, 4)
        monkeypatch.undo()
        assert len(worker._claim(idle, 4)) == 3


def test_a_sender_goes_on_after_a_text_that_it_could_not_settle(app, monkeypatch, caplog):
    sent = []

    def send(claim):
        if claim.number == 1:
            raise OperationalError("COMMIT", None, Exception())
        sent.append(claim.number)

    monkeypatch.setattr(worker, "send", send)
    claimed, idle = SimpleQueue(), threading.Semaphore(0)
    for number in (1, 2):
        claimed.put(SimpleNamespace(number=number, delivery_id=number))
    claimed.put(None)
    worker._send_claimed(app.app_context, claimed, idle)
    assert sent == [2]
    assert [idle.acquire(blocking=False) for _ in range(3)] == [True, True, False]
    assert "not settled" in caplog.text


def test_a_claim_that_a_hanging_database_writes_too_late_leases_nothing(app, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    begun, over = threading.Event(), threading.Event()

    def hang(conn, waiting):
        begun.set()
        over.wait(10)
        return waiting

    idle = threading.Semaphore(1)
    with app.app_context(), pytest.MonkeyPatch.context() as patch:
        first = threading.Thread(target=group_commit.write, args=(db.engine, hang, 0))
        first.start()
        begun.wait(10)
        patch.setattr(group_commit, "MAX_WAIT_SECONDS", 0.1)
        with pytest.raises(TimeoutError):
            worker._claim(idle, 1)
        patch.undo()
        over.set()
        first.join()
        # Once this is written, so is what waited before.
        group_commit.write(db.engine, lambda _, waiting: waiting, 0)
        assert rows.delivery.state == "pending"
        assert len(worker._claim(idle, 1)) == 1


def test_a_passing_trouble_passes(app, shop, twilio, rows):
    twilio.answers += [Unwritten("connect"), Refused(429, 20429, None)]
    shop.ships()
    run_until_settled(app)

    assert rows.delivery.state == "sent"
    assert [attempt.outcome for attempt in rows.attempts] == ["unwritten", "refused", "accepted"]


def test_a_text_that_was_one_too_fast_is_tried_again_within_a_second(app, shop, twilio, rows):
    twilio.rejects(20429, 429)
    shop.ships()
    delivery = rows.delivery
    assert delivery.due_at - delivery.state_at <= retry.FIRST_PACE_WAIT


def test_retry_after_is_obeyed(app, shop, twilio, rows):
    twilio.rejects(20429, 429, retry_after=300)
    shop.ships()
    delivery = rows.delivery
    assert delivery.due_at - delivery.state_at >= timedelta(seconds=300)


@pytest.mark.parametrize("code", [20003, 21212, 21659])
def test_our_own_fault_holds_the_sender_and_spends_no_attempt(
    app, shop, twilio, rows, code, caplog
):
    status = 401 if code == 20003 else 400
    twilio.rejects(code, status)
    first = shop.ships()
    second = shop.ships("order-1002-shipped", orderId="1002")

    assert [first.json["status"], second.json["status"]] == ["pending", "pending"]
    assert {row.tries for row in rows.all(Delivery)} == {0}
    assert rows.one(Sender).held_code == code
    assert [r.levelname for r in caplog.records if r.msg.startswith("sender held")] == ["ERROR"]
    assert run_worker(app) == 0  # not until it is time to probe
    assert len(twilio.calls) == 1


def probe_now(app):
    change(app, Sender, probe_at=Sender.held_at)


def test_a_held_sender_is_probed_with_one_delivery_and_goes_on_by_itself(app, shop, twilio, rows):
    twilio.rejects(20003, 401)
    shop.ships_many(4)
    make_due(app)

    probe_now(app)
    twilio.rejects(20003, 401)
    assert run_worker(app) == 1
    assert run_worker(app) == 0
    assert rows.one(Sender).held_at is not None

    probe_now(app)
    assert run_worker(app) == 1
    assert run_worker(app) == 3
    assert rows.one(Sender).held_at is None
    assert {row.state for row in rows.all(Delivery)} == {"sent"}
    assert len(twilio.calls) == 6


def test_a_probe_that_tells_nothing_holds_on(app, shop, twilio, rows):
    twilio.rejects(20003, 401)
    shop.ships()
    probe_now(app)
    twilio.answers.append(Unwritten("connect"))
    run_worker(app)
    assert rows.one(Sender).held_at is not None


def claim_one(app, shop):
    shop.ships(prefer="respond-async")
    (claimed,) = claim(app, 10)
    return claimed


def lapse(app):
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(update(Delivery).values(lease_until=Delivery.created_at))
        return leases.lapse(conn)


def settled(app, claim, outcome):
    with app.app_context(), db.engine.begin() as conn:
        (result,) = settle(conn, [CallResult(claim, outcome)])
    return result


@pytest.mark.parametrize(
    "outcome", [Refused(400, 21211, None), Unwritten("dns"), Unknown("timeout", None, None)]
)
def test_a_process_that_wakes_late_moves_nothing(app, shop, twilio, rows, outcome):
    claim = claim_one(app, shop)
    lapse(app)
    assert settled(app, claim, outcome).state == "unknown"
    assert rows.delivery.state == "unknown"


def test_a_process_that_wakes_late_may_say_that_twilio_has_it(app, shop, twilio, rows):
    claim = claim_one(app, shop)
    lapse(app)
    settled(app, claim, Sent(sid(3), "queued", 1))
    assert rows.delivery.state == "sent"
    assert rows.attempts[0].sid == sid(3)


def test_a_late_answer_does_not_overwrite_a_newer_attempt(app, shop, twilio, rows):
    old = claim_one(app, shop)
    lapse(app)
    change(app, Delivery, state="pending", due_at=Delivery.created_at)
    (new,) = claim(app, 10)
    settled(app, old, Sent(sid(3), "queued", 1))

    assert rows.delivery.state == "sending"
    assert rows.delivery.lease_token == new.lease_token
    assert [attempt.sid for attempt in rows.attempts] == [sid(3), None]


def test_a_lease_too_short_for_a_call_is_not_used(app, shop, twilio, rows, monkeypatch):
    claim = claim_one(app, shop)
    monkeypatch.setattr(sending.time, "monotonic", lambda: claim.claimed_at + 25)
    with app.app_context():
        sending.send(claim)
    assert twilio.calls == []
    assert rows.delivery.state == "pending"


def test_workers_never_claim_the_same_delivery(app, shop, twilio):
    for number in range(30):
        shop.ships(
            f"order-{number:04}",
            orderId=str(number),
            phone=f"+120255501{number:02}",
            prefer="respond-async",
        )
    claims = []

    def work():
        while found := claim(app, 3):
            claims.extend(claimed.delivery_id for claimed in found)

    at_once(*[work] * 6)
    assert len(claims) == len(set(claims)) == 30


def test_a_claim_asks_for_permission_again(app, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    with settings_of(app, ALLOWED_RECIPIENTS="+447700900123"), app.app_context():
        assert worker.run_once() == 0
    assert (rows.delivery.state, rows.delivery.reason) == ("suppressed", "recipient_not_allowed")
    assert shop.ships(phone=ALICE).status_code == 409


@pytest.mark.parametrize("tries", [1, 2, 3, 4])
def test_backoff_has_full_jitter_under_its_cap(tries):
    waits = [retry.wait(tries, None).total_seconds() for _ in range(300)]
    cap = 8 * 2 ** (tries - 1)
    assert 0 <= min(waits) < cap / 4
    assert cap * 3 / 4 < max(waits) <= cap


def test_five_tries_are_all():
    assert retry.wait(5, None) is None
