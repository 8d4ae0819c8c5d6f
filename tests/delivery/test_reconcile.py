"""What is unknown is settled by looking, never by guessing."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from smsapp import worker
from smsapp.delivery import leases, receipts, reconcile
from smsapp.delivery.receipt_rows import IncomingReceipt
from smsapp.extensions import db
from smsapp.models import Attempt, Delivery, OptOut, Receipt
from smsapp.providers.messages import Listed
from smsapp.providers.outcomes import Unknown
from tests.conftest import claim, erase, make_earlier, report, run_worker, sid

BODY = "Your order 1001 has shipped. Tracking: https://example.com/track/1001"


def listed(number=7, body=BODY, status="sent", code=0, is_ours=True):
    return Listed(sid(number), body, is_ours, status, code, datetime.now(UTC))


def unknown(shop, twilio, event_id="order-1001-shipped", **changes):
    twilio.answers.append(Unknown("timeout", None, None))
    shop.ships(event_id, **changes)


def look(app, hours=0):
    """Let every look-up be due, and do them; the clock of absence goes `hours` further."""
    with app.app_context():
        with db.engine.begin() as conn:
            due = Delivery.check_at.is_not(None)
            conn.execute(update(Delivery).where(due).values(check_at=Delivery.created_at))
            make_earlier(conn, Delivery, timedelta(hours=hours), "absent_since")
        while reconcile.run():
            pass


def test_an_equal_text_that_nobody_else_can_have_sent_is_ours(app, shop, twilio, rows):
    unknown(shop, twilio)
    twilio.listed = [listed(status="delivered")]
    look(app)
    assert rows.delivery.state == "delivered"
    assert rows.attempts[0].sid == sid(7)
    assert rows.one(Receipt).source == "look_up"


def test_nothing_at_all_twice_means_that_it_may_be_sent(app, shop, twilio, rows):
    unknown(shop, twilio)
    look(app)
    assert rows.delivery.state == "unknown"
    look(app)  # not a minute later
    assert rows.delivery.state == "unknown"
    look(app, hours=1)
    assert rows.delivery.state == "pending"
    assert run_worker(app) == 1
    assert rows.delivery.state == "sent"
    assert len(twilio.calls) == 2


@pytest.mark.parametrize("other", [listed(body="Something else"), listed(body=f"{BODY} ")])
def test_another_text_leaves_it_unknown_with_an_alarm(app, shop, twilio, rows, other, caplog):
    unknown(shop, twilio)
    twilio.listed = [other]
    for _ in range(3):
        look(app, hours=1)
    assert rows.delivery.state == "unknown"
    assert "ERROR" in {record.levelname for record in caplog.records}
    assert len(twilio.calls) == 1


def test_texts_from_the_number_and_texts_of_ours_that_are_known_do_not_count(
    app, shop, twilio, rows
):
    shop.ships("order-1000-shipped")
    unknown(shop, twilio)
    twilio.listed = [listed(1), listed(9, body="Thanks!", is_ours=False)]
    look(app)
    look(app, hours=1)
    assert {row.event_id: row.state for row in rows.all(Delivery)} == {
        "order-1000-shipped": "sent",
        "order-1001-shipped": "pending",
    }


def test_two_equal_texts_do_not_claim_each_others_message(app, shop, twilio, rows):
    unknown(shop, twilio, "order-1001-shipped")
    unknown(shop, twilio, "order-1001-shipped-again")
    twilio.listed = [listed(7)]
    look(app)
    assert {row.state for row in rows.all(Delivery)} == {"unknown"}
    assert len(twilio.calls) == 2

    twilio.listed = [listed(8), listed(7)]  # newest first
    look(app)
    by_event = {row.id: row.event_id for row in rows.all(Delivery)}
    assert {by_event[row.delivery_id]: row.sid for row in rows.all(Attempt)} == {
        "order-1001-shipped": sid(7),
        "order-1001-shipped-again": sid(8),
    }


def test_a_receipt_after_all_stops_what_was_taken_for_absent(app, shop, twilio, rows):
    unknown(shop, twilio)
    look(app)
    look(app, hours=1)
    assert rows.delivery.state == "pending"
    with app.app_context():
        receipts.handle(IncomingReceipt(rows.attempts[0].id, sid(7), "sent", 0))
        assert worker.run_once() == 0
    assert rows.delivery.state == "sent"
    assert len(twilio.calls) == 1


def test_what_twilio_no_longer_has_is_not_asked_for_again_and_again(app, shop, twilio, rows):
    shop.ships()
    with app.app_context(), db.engine.begin() as conn:
        long_ago = datetime.now(UTC) - timedelta(hours=25)
        conn.execute(update(Attempt).values(started_at=long_ago))
    look(app)
    assert (rows.delivery.state, rows.delivery.check_at) == ("sent", None)


def test_an_erased_persons_unknown_text_is_not_searched_for(app, shop, twilio, rows):
    unknown(shop, twilio)
    erase(app)
    look(app)
    assert rows.delivery.check_at is None


def test_a_text_in_flight_is_no_alarm(app, shop, twilio, rows, caplog):
    shop.ships("order-1002-shipped", prefer="respond-async")
    claim(app)
    unknown(shop, twilio)
    twilio.listed = [listed(7)]
    look(app)
    assert "ERROR" not in {record.levelname for record in caplog.records}


def test_no_answer_is_no_absence(app, shop, twilio, rows):
    unknown(shop, twilio)
    twilio.listed = Unknown("timeout", None, None)
    for _ in range(3):
        look(app, hours=1)
    assert rows.delivery.state == "unknown"


def test_a_receipt_outranks_what_was_found_by_its_text(app, shop, twilio, rows):
    unknown(shop, twilio, "order-1001-shipped")
    twilio.listed = [listed(7)]
    look(app)
    unknown(shop, twilio, "order-1001-shipped-again")
    attempts = {row.delivery_id: row for row in rows.attempts}
    by_event = {row.event_id: row for row in rows.all(Delivery)}
    second = attempts[by_event["order-1001-shipped-again"].id]
    report(app, second.id, sid(7), "delivered", 0)

    assert {row.event_id: row.state for row in rows.all(Delivery)} == {
        "order-1001-shipped": "unknown",
        "order-1001-shipped-again": "delivered",
    }


def test_a_receipt_of_its_own_corrects_a_wrong_find(app, shop, twilio, rows):
    unknown(shop, twilio)
    twilio.listed = [listed(7, status="delivered")]
    look(app)
    report(app, rows.attempts[0].id, sid(8), "sent", 0)
    assert rows.attempts[0].sid == sid(8)


def test_a_lapsed_lease_is_looked_up_too(app, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    claim(app)
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(update(Delivery).values(lease_until=Delivery.created_at))
        leases.lapse(conn)
    look(app)
    look(app, hours=1)
    assert rows.delivery.state == "pending"


def test_attempts_that_never_arrived_are_spent_too(app, shop, twilio, rows):
    unknown(shop, twilio)
    for _ in range(5):
        look(app)
        look(app, hours=1)
        twilio.answers.append(Unknown("timeout", None, None))
        run_worker(app)
    assert (rows.delivery.state, rows.delivery.reason) == ("failed", "attempts_spent")
    assert len(twilio.calls) == 5


def test_what_was_sent_and_never_heard_of_is_looked_up(app, shop, twilio, rows):
    shop.ships()
    assert rows.delivery.check_at - rows.delivery.state_at == timedelta(hours=1)
    twilio.listed = [listed(1, status="sent")]
    look(app)
    assert rows.delivery.state == "sent"
    assert rows.delivery.check_at is not None
    twilio.listed = [listed(1, status="undelivered", code=30005)]
    look(app)
    assert (rows.delivery.state, rows.delivery.error_code) == ("undelivered", 30005)
    assert rows.delivery.check_at is None


def test_an_opt_out_found_by_looking_counts(app, shop, twilio, rows):
    unknown(shop, twilio)
    twilio.listed = [listed(status="failed", code=21610)]
    look(app)
    assert rows.one(OptOut).source == "twilio"
