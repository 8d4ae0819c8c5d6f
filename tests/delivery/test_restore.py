"""After a restore from a backup nothing is texted twice, and nothing that waits is lost.

The lost time is made by sending, and then putting rows back as a backup has them.
"""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from smsapp.delivery.receipt_rows import Effect, IncomingReceipt
from smsapp.delivery.receipts import handle
from smsapp.extensions import db
from smsapp.models import Delivery, Sender
from smsapp.providers.messages import Listed
from tests.conftest import change, claim, command, report, run_until_settled, run_worker, sid
from tests.delivery.test_reconcile import look

BODY = "Your order 1001 has shipped. Tracking: https://example.com/track/1001"


@pytest.fixture
def restored(app):
    """Run `flask sending restored`, as after a restore."""
    return lambda *options: command(app, "sending", "restored", *options)


def resume(app):
    command(app, "sending", "resume")
    run_until_settled(app)


def at_twilio(*bodies):
    now = datetime.now(UTC)
    return [Listed(sid(70 + n), body, True, "sent", 0, now) for n, body in enumerate(bodies)]


def grace_is_over(app):
    with app.app_context(), db.engine.begin() as conn:
        earlier = datetime.now(UTC) - timedelta(hours=1)
        conn.execute(update(Delivery).values(absent_since=earlier, check_at=Delivery.created_at))
        conn.execute(update(Sender).values(restored_at=earlier))


def test_it_starts_paused_with_everything_unsettled_in_doubt(app, shop, twilio, rows, restored):
    shop.ships("order-1000-sent")
    shop.ships("order-1002-in-flight", prefer="respond-async")
    assert len(claim(app, 10)) == 1
    shop.ships("order-1001-waits", prefer="respond-async")

    assert restored().startswith("2 texts may have been sent")
    assert {row.event_id: row.state for row in rows.all(Delivery)} == {
        "order-1000-sent": "sent",
        "order-1001-waits": "unknown",
        "order-1002-in-flight": "unknown",
    }
    assert rows.one(Sender).pause_reason == "restored from a backup"
    assert shop.ships("order-1003-shipped").json["status"] == "pending"
    assert len(twilio.calls) == 1


def test_what_was_sent_after_the_backup_is_found_and_not_sent_again(
    app, shop, twilio, rows, restored
):
    shop.ships(prefer="respond-async")
    restored()
    twilio.listed = at_twilio(BODY)
    look(app)
    assert rows.delivery.state == "sent"
    resume(app)
    assert twilio.calls == []


def test_what_was_not_is_sent_after_the_resume(app, shop, twilio, rows, restored):
    shop.ships(prefer="respond-async")
    restored()
    look(app)
    assert rows.delivery.state == "unknown"  # Twilio's list has not had its grace yet
    grace_is_over(app)
    look(app)
    assert rows.delivery.state == "pending"
    assert run_worker(app) == 0
    resume(app)
    assert rows.delivery.state == "sent"
    assert len(twilio.calls) == 1


def test_an_event_told_again_is_looked_for_before_it_is_sent(app, shop, twilio, rows, restored):
    restored()
    resume(app)
    twilio.listed = at_twilio(BODY)
    answer = shop.ships()
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    look(app)
    assert (rows.delivery.state, rows.attempts[0].sid) == ("sent", sid(70))
    run_until_settled(app)
    assert twilio.calls == []


def test_a_really_new_event_goes_out_after_one_look(app, shop, twilio, rows, restored):
    restored()
    grace_is_over(app)
    resume(app)
    shop.ships()
    look(app)
    assert rows.delivery.state == "pending"
    run_until_settled(app)
    assert (rows.delivery.state, rows.delivery.tries) == ("sent", 1)


@pytest.mark.parametrize("hours", ["0", "24"])
def test_new_events_are_looked_for_only_so_long(app, shop, twilio, restored, hours):
    restored("--look-first", hours)
    if hours != "0":
        change(app, Sender, look_first_until=Sender.restored_at)
    resume(app)
    assert shop.ships().json["status"] == "sent"


def test_another_lost_text_to_the_number_leaves_it_in_doubt_until_its_event_is_told_again(
    app, shop, twilio, rows, restored
):
    shop.ships(prefer="respond-async")
    restored()
    grace_is_over(app)
    other = BODY.replace("1001", "1002")
    twilio.listed = at_twilio(other)
    look(app, hours=1)
    assert rows.delivery.state == "unknown"

    shop.ships("order-1002-shipped", orderId="1002", trackingUrl="https://example.com/track/1002")
    for _ in range(3):
        grace_is_over(app)
        look(app, hours=1)
    assert {row.order_id: row.state for row in rows.all(Delivery)} == {
        "1001": "pending",
        "1002": "sent",
    }


def test_a_retry_that_may_have_been_made_before_is_looked_for_too(
    app, shop, twilio, rows, restored
):
    """Sent in the backup; undelivered and sent again after it; both of that is lost."""
    shop.ships()
    restored()
    resume(app)
    first = rows.attempts[0]
    report(app, first.id, first.sid, "undelivered", 30003)
    assert rows.delivery.state == "pending"
    run_until_settled(app)
    assert rows.delivery.state == "unknown"
    twilio.listed = [*at_twilio(BODY), Listed(sid(1), BODY, True, "undelivered", 30003, NOW)]
    look(app)
    assert rows.delivery.state == "sent"
    assert len(twilio.calls) == 1


def test_a_receipt_of_an_attempt_that_was_lost_is_believed_once_its_text_was_found(
    app, shop, twilio, rows, restored
):
    shop.ships(prefer="respond-async")
    restored()
    twilio.listed = at_twilio(BODY)
    look(app)
    with app.app_context():
        lost = IncomingReceipt(LOST, sid(70), "delivered", 0)
        assert handle(lost).effect is Effect.MOVED
        assert handle(IncomingReceipt(LOST, sid(99), "delivered", 0)).effect is Effect.STRAY
    assert rows.delivery.state == "delivered"


def test_an_empty_backup_is_taken_in_too(app, shop, twilio, rows, restored):
    assert restored().startswith("0 texts")
    row = rows.one(Sender)
    assert row.restored_at - row.lost_since == timedelta(days=30)


def test_told_twice_it_looks_as_far_back_as_before(app, shop, rows, restored):
    shop.ships(prefer="respond-async")
    restored()
    lost_since = rows.one(Sender).lost_since
    restored()
    assert rows.one(Sender).lost_since == lost_since
    assert len(rows.attempts) == 1


def test_the_trace_says_why_it_waits(app, shop, twilio, restored):
    shop.ships(prefer="respond-async")
    restored()
    shown = shop.get("/api/deliveries?eventId=order-1001-shipped").json
    assert "restored from a backup" in shown["error"]["cause"]


NOW = datetime.now(UTC)
LOST = uuid.uuid4()
