"""The words of finished texts go after BODY_RETENTION_DAYS; all else about them stays."""

import threading

import pytest
from sqlalchemy import text, update

from smsapp.delivery import receipts
from smsapp.delivery.receipt_rows import IncomingReceipt
from smsapp.extensions import db
from smsapp.models import AppointmentEvent, Delivery, DeliveryState, Inbound
from smsapp.retention import bodies
from tests.conftest import (
    ALICE,
    at_once,
    change,
    make_due,
    report,
    run_until_settled,
    settings_of,
    shipment,
    sid,
    text_in,
)

KEPT = {"cart": "very private 77"}


def blank(app):
    with app.app_context():
        return bodies.blank(bodies.TO_CUSTOMERS), bodies.blank(bodies.FROM_CUSTOMERS)


def arrived(app, rows):
    report(app, rows.attempts[-1].id, rows.attempts[-1].sid, "delivered", 0)


def writes(app, body="Where is my parcel?", number=1):
    text_in(app, sid(1000 + number), ALICE, body)


def test_the_body_of_a_finished_text_is_blanked_after_30_days(app, shop, twilio, rows, pass_days):
    shop.ships()
    arrived(app, rows)
    pass_days(29)
    assert blank(app) == (0, 0)
    before = rows.delivery
    assert "has shipped" in before.body
    pass_days(1.01)
    assert blank(app) == (1, 0)
    after = rows.delivery
    assert (after.body, after.blanked_at is not None) == ("", True)
    assert (after.state, after.event_id, after.order_id) == ("delivered", before.event_id, "1001")
    assert blank(app) == (0, 0)


def test_where_an_appointment_is_goes_with_the_words_that_said_so(
    app, shop, twilio, rows, pass_days
):
    visit = {"startsAt": "2082-12-04T14:00:00Z", "place": "clinic", "remindBefore": []}
    event = shipment("visit-7-booked", appointmentId="7", **visit)
    shop.post("/api/events/appointment_booked", json=event)
    arrived(app, rows)
    pass_days(31)
    assert blank(app) == (1, 0)
    kept = rows.one(AppointmentEvent)
    assert (kept.place, kept.starts_at is not None) == (None, True)


def test_what_its_service_had_kept_with_it_goes_with_the_words(app, shop, twilio, rows, pass_days):
    shop.ships(metadata=KEPT)
    arrived(app, rows)
    pass_days(29)
    blank(app)
    assert rows.delivery.metadata == KEPT
    pass_days(1.01)
    assert blank(app) == (1, 0)
    assert rows.delivery.metadata is None


def test_an_event_told_again_after_all_tries_brings_its_own(app, shop, twilio, rows, pass_days):
    for _ in range(5):
        twilio.rejects(30410)
    shop.ships(metadata=KEPT)
    run_until_settled(app)
    pass_days(31)
    blank(app)
    assert (rows.delivery.reason, rows.delivery.metadata) == ("attempts_spent", None)
    shop.ships(metadata=KEPT)
    assert (rows.delivery.state, rows.delivery.metadata) == ("pending", KEPT)


def test_a_text_from_a_customer_is_blanked_and_what_it_asked_for_stays(app, rows, pass_days):
    writes(app, "STOP")
    pass_days(31)
    assert blank(app) == (0, 1)
    row = rows.one(Inbound)
    assert (row.body, row.keyword, row.blanked_at is not None) == ("", "stop", True)


def test_the_time_is_a_setting(app, shop, twilio, rows, pass_days):
    shop.ships()
    arrived(app, rows)
    pass_days(6)
    with settings_of(app, BODY_RETENTION_DAYS="7"):
        assert blank(app) == (0, 0)
    with settings_of(app, BODY_RETENTION_DAYS="5"):
        assert blank(app) == (1, 0)


@pytest.mark.parametrize("state", DeliveryState)
def test_only_what_is_final_is_touched(app, shop, twilio, rows, pass_days, state):
    """Of a text on its way, or asked about, the words are still needed."""
    twilio.rejects(21211)
    shop.ships()
    extra = {
        "pending": "due_at = created_at",
        "sending": f"lease_token = '{rows.delivery.id.hex}', lease_until = created_at",
        "unknown": "check_at = created_at",
        "sent": "check_at = created_at",
    }.get(state, "reason = NULL")
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(text(f"UPDATE delivery SET state = '{state}', {extra}"))
    pass_days(400)
    is_open = state in {"pending", "sending", "unknown", "sent"}
    assert blank(app) == (0 if is_open else 1, 0)
    assert bool(rows.delivery.body) is is_open


def test_a_text_never_heard_of_again_is_blanked_once_nobody_asks_any_more(
    app, shop, twilio, rows, pass_days
):
    shop.ships()
    pass_days(31)
    assert blank(app) == (0, 0)
    change(app, Delivery, check_at=None)
    assert blank(app) == (1, 0)


def test_what_may_still_be_sent_again_keeps_its_body_until_it_expires(
    app, shop, twilio, rows, pass_days
):
    with settings_of(app, ORDER_SHIPPED_MAX_AGE_HOURS="48", BODY_RETENTION_DAYS="1"):
        shop.ships()
        arrived(app, rows)
        pass_days(1.5)
        assert blank(app) == (0, 0)
        pass_days(0.6)
        assert blank(app) == (1, 0)


def test_a_receipt_after_blanking_never_makes_an_empty_text(app, shop, twilio, rows, pass_days):
    shop.ships()
    change(app, Delivery, check_at=None)
    pass_days(31)
    blank(app)
    with app.app_context():  # it would be sent again, were it not too old
        receipts.handle(IncomingReceipt(rows.attempts[0].id, sid(1), "undelivered", 30003))
    run_until_settled(app)
    assert rows.delivery.state == "expired"
    assert len(twilio.calls) == 1


def test_a_repeat_after_blanking_is_known_by_its_content(app, shop, twilio, rows, pass_days):
    shop.ships()
    arrived(app, rows)
    pass_days(31)
    blank(app)
    assert shop.ships().json["duplicate"] is True
    assert shop.ships(orderId="1002").json["error"] == "event_id_reused"
    assert len(twilio.calls) == 1


def test_a_repeat_whose_attempts_were_spent_is_sent_with_its_words(
    app, shop, twilio, rows, pass_days
):
    for _ in range(5):
        twilio.rejects(30410)
    shop.ships()
    run_until_settled(app)
    assert rows.delivery.reason == "attempts_spent"
    pass_days(31)
    assert blank(app) == (1, 0)
    assert shop.ships().json["status"] == "pending"
    assert rows.delivery.blanked_at is None
    make_due(app)
    run_until_settled(app)
    assert twilio.calls[-1]["body"] == twilio.calls[0]["body"] != ""


def test_the_timeline_stays(app, shop, twilio, rows, pass_days):
    shop.ships()
    arrived(app, rows)
    pass_days(31)
    path = f"/api/deliveries/{rows.delivery.id}"
    before = shop.get(path).json
    blank(app)
    assert shop.get(path).json == before


def test_many_at_once_do_each_once(app, shop, twilio, rows, pass_days, monkeypatch):
    monkeypatch.setattr(bodies, "BATCH", 3)
    shop.ships_many(20)
    change(app, Delivery, check_at=None)
    pass_days(31)
    done, start = [], threading.Barrier(4)

    def work():
        start.wait()
        with app.app_context():
            while batch := bodies.blank(bodies.TO_CUSTOMERS):
                done.append(batch)

    at_once(*[work] * 4)
    assert sum(done) == 20
    assert {row.body for row in rows.all(Delivery)} == {""}


def test_it_waits_for_nobody(app, shop, twilio, rows, pass_days):
    if app.extensions["settings"].on_sqlite:
        pytest.skip("nobody holds a single row of SQLite's")
    shop.ships_many(2)
    change(app, Delivery, check_at=None)
    pass_days(31)
    held = rows.all(Delivery)[0].id
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(update(Delivery).where(Delivery.id == held).values(tries=1))
        assert bodies.blank(bodies.TO_CUSTOMERS) == 1
    assert blank(app) == (1, 0)


PLANS = {
    "texts to customers": (bodies._batch(bodies.TO_CUSTOMERS), "delivery_body"),
    "texts from customers": (bodies._batch(bodies.FROM_CUSTOMERS), "inbound_body"),
}


@pytest.mark.parametrize("name", PLANS)
def test_it_is_found_by_an_index(app, plan_of, name):
    statement, index = PLANS[name]
    with app.app_context(), db.engine.connect() as conn:
        times = bodies._times(conn)
    plan = plan_of(statement, times)
    assert index in plan
    assert "SCAN DELIVERY" not in plan.upper().replace("INDEX SCAN", "")
