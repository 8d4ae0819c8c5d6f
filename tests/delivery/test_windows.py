"""WhatsApp: words of our own for a day after somebody wrote, and templates or a text else."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.delivery import windows
from smsapp.models import Phone
from smsapp.recipients import customers
from smsapp.recipients.customers import Visitor
from tests.conftest import (
    ALICE,
    KEY,
    ROOT,
    change,
    report,
    run_worker,
    settings_of,
    shipment,
    sid,
    text_in,
)

ENGLISH, GERMAN = "HX00000000000000000000000000000001", "HX00000000000000000000000000000002"
SENDER = "+15005550006"
HOUR = timedelta(hours=1)


@pytest.fixture
def shop_on_whatsapp(app):
    templates = str(ROOT / "tests" / "templates.toml")
    with settings_of(app, TWILIO_WHATSAPP_FROM=SENDER, WHATSAPP_TEMPLATES=templates):
        yield


@pytest.fixture
def ships(app, shop, twilio, shop_on_whatsapp):
    """Tell of a shipment, and let a worker send it."""

    def post(event_id="order-1001-shipped", kind="order_shipped", **changes):
        event = shipment(event_id, **{"trackingUrl": None} | changes)
        answer = shop.post(f"/api/events/{kind}", json=event)
        run_worker(app)
        return answer

    return post


@pytest.fixture
def alice(app, shop):
    """She wants to be written to on WhatsApp."""
    shop.ships("an-order-before", orderId="1")  # for the number to be known
    with app.app_context():
        customers.agree(Visitor(KEY, None), ["whatsapp"])


def wrote(app, ago=timedelta(0)):
    text_in(app, sid(700), f"whatsapp:{ALICE}", "hello")
    at = datetime.now(UTC) - ago
    change(app, Phone, whatsapp_at=at)


def test_who_has_not_chosen_it_gets_a_text(ships, twilio, rows):
    assert ships().json["status"] == "sent"
    assert twilio.calls[0]["to"] == ALICE
    assert rows.delivery.channel == "sms"


def test_outside_the_window_an_approved_template_says_it(app, ships, alice, twilio, rows):
    assert ships(trackingUrl="https://example.com/1").json["status"] == "pending"
    (call,) = twilio.calls[1:]
    assert (call["to"], call["from_number"]) == (f"whatsapp:{ALICE}", f"whatsapp:{SENDER}")
    assert (call["body"], call["content_sid"]) == (None, ENGLISH)
    filled = {"1": "1001", "2": "https://example.com/1"}
    assert json.loads(call["content_variables"]) == filled
    assert {row.channel: row.template for row in rows.attempts}["whatsapp"] == ENGLISH


def test_in_its_language_and_with_no_gap_empty(ships, alice, twilio):
    ships(locale="de-AT")
    assert twilio.calls[1]["content_sid"] == GERMAN
    assert json.loads(twilio.calls[1]["content_variables"]) == {"1": "1001", "2": "-"}


def test_within_the_window_it_is_free_text(app, ships, alice, twilio):
    wrote(app)
    ships()
    (call,) = twilio.calls[1:]
    assert (call["body"], call["content_sid"]) == ("Your order 1001 has shipped.", None)


def test_the_window_is_asked_when_it_leaves(app, shop, ships, alice, twilio):
    wrote(app)
    event = shipment(trackingUrl=None)
    assert shop.post("/api/events/order_shipped", json=event).json["status"] == "pending"
    wrote(app, ago=24 * HOUR)
    run_worker(app)
    assert twilio.calls[1]["content_sid"] == ENGLISH


def test_without_a_template_or_a_window_it_goes_by_text(app, ships, alice, twilio, rows):
    ships(kind="order_delivered", place=None)
    assert len(twilio.calls) == 1
    run_worker(app)
    assert [call["to"] for call in twilio.calls[1:]] == [ALICE]


def test_whom_whatsapp_does_not_know_gets_a_text(app, ships, alice, twilio, rows):
    ships()
    (attempt,) = [row for row in rows.attempts if row.channel == "whatsapp"]
    report(app, attempt.id, attempt.sid, "failed", 63003)
    run_worker(app)
    assert twilio.calls[-1]["to"] == ALICE


def test_who_takes_it_back_gets_a_text_from_then_on(app, shop, ships, alice, twilio):
    event = shipment(trackingUrl=None)
    shop.post("/api/events/order_shipped", json=event)
    with app.app_context():
        customers.withdraw(Visitor(KEY, None), ["whatsapp"])
    assert (run_worker(app), run_worker(app)) == (0, 1)
    assert twilio.calls[1]["to"] == ALICE


def test_nobody_is_written_to_there_by_a_service_alone(ships, twilio, rows):
    answer = ships(channels=["whatsapp"])
    assert (answer.status_code, answer.json["error"]) == (409, "no_consent")
    assert ships("order-1002-shipped", channels=["whatsapp", "sms"]).json["status"] == "sent"
    assert twilio.calls[0]["to"] == ALICE


def test_a_stop_on_whatsapp_stops_all(app, ships, alice, twilio):
    text_in(app, sid(701), f"whatsapp:{ALICE}", "STOP")
    assert ships().json["error"] == "opted_out"


def test_a_text_opens_no_window_and_what_is_found_late_closes_none(app, alice, rows):
    text_in(app, sid(702), ALICE, "hello")
    assert rows.one(Phone).whatsapp_at is None
    wrote(app)
    assert rows.one(Phone).whatsapp_at is not None


@given(st.integers(-26 * 60, 60))
def test_a_window_is_open_for_a_day_less_some_minutes(minutes):
    wrote_at, now = datetime(2026, 11, 27, 12, tzinfo=UTC), datetime(2026, 11, 27, 12, tzinfo=UTC)
    wrote_at += timedelta(minutes=minutes)
    is_open = now < windows.closes_at(wrote_at)
    assert is_open == (now - wrote_at < timedelta(hours=23, minutes=55))


def test_without_a_template_in_the_language_or_in_english_there_is_none():
    templates = {"order_shipped": {"de": GERMAN}}
    row = SimpleNamespace(kind="order_shipped", locale="de", variables=["1001"])
    assert windows.template(templates, row).sid == GERMAN
    row.locale = "ko"
    assert windows.template(templates, row) is None
