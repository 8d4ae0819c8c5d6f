"""Receipts: believed once, in any order, and never of somebody else's message."""

import contextlib
import uuid
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsapp.delivery import outbox, receipt_rows
from smsapp.delivery.call_results import CallResult
from smsapp.delivery.receipt_rows import Effect, IncomingReceipt
from smsapp.delivery.settle import settle
from smsapp.extensions import db
from smsapp.models import Attempt, Delivery, OptOut, Receipt, Sender
from smsapp.providers.messages import Sent
from smsapp.providers.outcomes import Unknown
from tests.conftest import (
    ALICE,
    change,
    make_due,
    opt_out,
    report,
    run_until_settled,
    run_worker,
    settings_of,
    sid,
    text_in,
)
from tests.delivery.deliveries import new

STATUSES = [
    ("queued", 0),
    ("sending", 0),
    ("sent", 0),
    ("failed", 30008),
    ("undelivered", 30003),
    ("undelivered", 30005),
    ("delivered", 0),
    ("read", 0),
    ("something_new", 0),
]


@contextlib.contextmanager
def one_claim(app):
    """Yield a connection with one delivery being sent; nothing of it stays."""
    with app.app_context(), db.engine.connect() as conn, conn.begin() as transaction:
        (accepted,) = outbox.accept(conn, [new()])
        yield conn, accepted.claim
        transaction.rollback()


def state_of(conn, claim):
    """Return what any order of the same news must agree on."""
    delivery = conn.execute(
        Delivery.__table__.select().where(Delivery.id == claim.delivery_id)
    ).one()
    attempt = conn.execute(Attempt.__table__.select().where(Attempt.id == claim.attempt_id)).one()
    return (
        (delivery.state, delivery.error_code, delivery.lease_token, delivery.due_at is None),
        (attempt.state, attempt.error_code, attempt.sid),
    )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(news=st.data())
def test_any_order_and_repetition_ends_in_the_same_state(app, news):
    told = news.draw(st.lists(st.sampled_from(STATUSES), min_size=1, max_size=5, unique=True))
    outcome = news.draw(
        st.sampled_from([Sent(sid(7), "queued", 1), Unknown("timeout", None, None)])
    )

    def end(order):
        with one_claim(app) as (conn, claim):
            for item in order:
                if item == "settle":
                    settle(conn, [CallResult(claim, outcome)])
                else:
                    receipt_rows.record(conn, [IncomingReceipt(claim.attempt_id, sid(7), *item)])
            return state_of(conn, claim)

    repeated = [*told, *news.draw(st.lists(st.sampled_from(told), max_size=3)), "settle"]
    assert end(news.draw(st.permutations(repeated))) == end(["settle", *told])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(told=st.lists(st.sampled_from(STATUSES), min_size=1, max_size=6))
def test_receipts_in_one_commit_are_receipts_one_by_one(app, told):
    def reported(claim):
        return [IncomingReceipt(claim.attempt_id, sid(7), *item) for item in told]

    with one_claim(app) as (conn, claim):
        together = receipt_rows.record(conn, reported(claim))
        at_once = state_of(conn, claim)
    with one_claim(app) as (conn, claim):
        singly = [receipt_rows.record(conn, [row])[0] for row in reported(claim)]
        assert state_of(conn, claim) == at_once
    assert [row.effect for row in together] == [row.effect for row in singly]
    assert [row.state for row in together] == [row.state for row in singly]


def test_a_delivered_receipt_is_believed_and_written_once(app, shop, twilio, rows):
    shop.ships()
    (attempt,) = rows.attempts
    first = report(app, attempt.id, sid(1), "delivered", 0)
    again = report(app, attempt.id, sid(1), "delivered", 0)

    assert (first.effect, again.effect) == (Effect.MOVED, Effect.KEPT)
    assert rows.delivery.state == "delivered"
    assert rows.one(Receipt).status == "delivered"
    assert shop.ships().json["status"] == "delivered"


@pytest.mark.parametrize("known", [True, False])
def test_a_stray_changes_nothing(app, shop, twilio, rows, known):
    shop.ships()
    before = rows.delivery
    attempt = rows.attempts[0].id if known else uuid.uuid4()
    assert report(app, attempt, sid(99), "failed", 30008).effect is Effect.STRAY
    assert rows.delivery == before
    assert rows.all(Receipt) == []


def test_the_sid_of_one_attempt_is_no_receipt_of_another(app, shop, twilio, rows):
    shop.ships()
    shop.ships("order-1002-shipped", orderId="1002")
    by_sid = {attempt.sid: attempt.id for attempt in rows.all(Attempt)}
    assert report(app, by_sid[sid(1)], sid(2), "delivered", 0).effect is Effect.STRAY


def test_a_receipt_that_beats_the_answer_finds_its_attempt(app, shop, twilio, rows):
    def delivered_meanwhile():
        (attempt,) = rows.attempts
        report(app, attempt.id, sid(7), "delivered", 0)
        return Sent(sid(7), "queued", 1)

    twilio.answers.append(delivered_meanwhile)
    answer = shop.ships()

    assert answer.json["sid"] == sid(7)
    assert rows.delivery.state == "delivered"


def test_a_receipt_settles_what_was_unknown(app, shop, twilio, rows):
    twilio.answers.append(Unknown("timeout", None, None))
    shop.ships()
    report(app, rows.attempts[0].id, sid(7), "sent", 0)

    assert rows.delivery.state == "sent"
    assert rows.attempts[0].sid == sid(7)
    assert shop.get(f"/api/messages/{sid(7)}").json["status"] == "sent"


@pytest.mark.parametrize("undelivered", [False, True], ids=["refused", "undelivered"])
def test_a_late_delivered_stops_the_text_that_waits_to_be_sent_again(
    app, shop, twilio, rows, undelivered
):
    if not undelivered:
        twilio.rejects(20429, 429)
    shop.ships()
    if undelivered:
        undeliver(app, rows)
    assert rows.delivery.state == "pending"
    report(app, rows.attempts[0].id, sid(1), "delivered", 0)
    run_until_settled(app)
    assert (rows.delivery.state, rows.delivery.due_at) == ("delivered", None)
    assert len(twilio.calls) == 1


def test_a_receipt_with_21610_is_an_opt_out_even_when_repeated(app, shop, twilio, rows):
    shop.ships()
    shop.ships("order-1002-shipped", orderId="1002", prefer="respond-async")
    for _ in range(2):
        report(app, rows.attempts[0].id, sid(1), "failed", 21610)

    assert rows.one(OptOut).source == "twilio"
    assert {row.event_id: row.state for row in rows.all(Delivery)} == {
        "order-1001-shipped": "failed",
        "order-1002-shipped": "suppressed",
    }
    answer = shop.ships()
    assert (answer.status_code, answer.json["error"]) == (409, "opted_out")


def test_a_receipt_of_a_suspended_account_holds_the_sender(app, shop, twilio, rows):
    shop.ships()
    report(app, rows.attempts[0].id, sid(1), "failed", 30002)
    assert rows.one(Sender).held_code == 30002
    assert shop.ships("order-1002-shipped", orderId="1002").json["status"] == "pending"


def test_an_unregistered_sender_fails_the_delivery_with_a_next_step(app, shop, twilio, rows):
    shop.ships()
    report(app, rows.attempts[0].id, sid(1), "undelivered", 30034)
    answer = shop.get(f"/api/deliveries/{rows.delivery.id}").json
    assert answer["error"]["class"] == "configuration"
    assert "A2P 10DLC" in answer["error"]["nextStep"]


def undeliver(app, rows, code=30003, number=1):
    attempt = rows.attempts[-1]
    report(app, attempt.id, sid(number), "undelivered", code)


def test_what_may_pass_is_sent_again_after_5_15_and_45_minutes(app, shop, twilio, rows):
    shop.ships()
    for number, minutes in enumerate((5, 15, 45), start=1):
        undeliver(app, rows, number=number)
        delivery = rows.delivery
        assert delivery.state == "pending"
        assert delivery.due_at - delivery.state_at == timedelta(minutes=minutes)
        make_due(app)
        assert run_worker(app) == 1
    undeliver(app, rows, number=4)
    assert rows.delivery.state == "undelivered"
    assert len(twilio.calls) == 4


@pytest.mark.parametrize("code", [30005, 30006, 30007])
def test_what_will_not_pass_is_not_sent_again(app, shop, twilio, rows, code):
    shop.ships()
    undeliver(app, rows, code)
    assert rows.delivery.state == "undelivered"


def test_permission_is_asked_before_a_text_is_sent_again(app, shop, twilio, rows):
    shop.ships()
    undeliver(app, rows)
    opt_out(app, ALICE)
    make_due(app)
    assert run_worker(app) == 0
    assert rows.delivery.state == "suppressed"


def test_a_text_that_comes_too_late_to_matter_is_not_sent(app, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    change(app, Delivery, expires_at=Delivery.created_at)
    assert run_worker(app) == 0
    assert rows.delivery.state == "expired"
    answer = shop.ships()
    assert (answer.status_code, answer.json["status"]) == (200, "expired")
    found = shop.get(f"/api/deliveries/{rows.delivery.id}").json
    assert [step["status"] for step in found["timeline"]] == [
        "accepted",
        "permitted",
        "expired",
    ]


def test_twilio_is_told_for_how_long_a_text_matters(app, shop, twilio, rows):
    shop.ships()
    with settings_of(app, ORDER_SHIPPED_MAX_AGE_HOURS="1"):
        shop.ships("order-1002-shipped", orderId="1002")
    assert twilio.calls[0]["validity_period"] == 36_000
    assert 3590 <= twilio.calls[1]["validity_period"] <= 3600


def test_an_old_opt_out_told_again_does_not_undo_a_start(app, shop, twilio, rows):
    shop.ships()
    attempt = rows.attempts[0].id
    report(app, attempt, sid(1), "failed", 21610)
    text_in(app, sid(50), ALICE, "START")
    report(app, attempt, sid(1), "failed", 21610)
    assert shop.ships("order-1002-shipped", orderId="1002").status_code == 202
