"""WhatsApp: words of our own for a day after somebody wrote, and templates or a text else."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from smsapp.delivery import windows
from smsapp.extensions import db, new_id
from smsapp.models import Delivery, OptOut, Phone
from smsapp.recipients import customers
from smsapp.recipients.customers import Visitor
from smsapp.trace import timeline
from tests.conftest import (
    ALICE,
    KEY,
    ROOT,
    change,
    make_due,
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
    given = {"TWILIO_WHATSAPP_FROM": SENDER, "WHATSAPP_TEMPLATES": templates}
    with settings_of(app, MAX_TEXTS_PER_NUMBER_PER_DAY="1000", **given):
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


CLOSED = 63016


def on_whatsapp(rows):
    found = [row for row in rows.attempts if row.channel == "whatsapp"]
    return sorted(found, key=lambda row: row.number)


def told_to(app, rows):
    (delivery,) = [row for row in rows.all(Delivery) if row.event_id == "order-1001-shipped"]
    return delivery


def test_what_came_too_late_for_the_window_is_tried_once_more_by_template(
    app, ships, alice, twilio, rows
):
    wrote(app, ago=2 * HOUR)
    ships()
    (freely,) = on_whatsapp(rows)
    assert freely.template is None
    report(app, freely.id, freely.sid, "undelivered", CLOSED)
    assert (told_to(app, rows).state, told_to(app, rows).channel) == ("pending", "whatsapp")
    assert rows.one(Phone).whatsapp_at is None
    run_worker(app)
    assert twilio.calls[-1]["content_sid"] == ENGLISH
    with app.app_context():
        trace = timeline.of_delivery(told_to(app, rows).id)
    assert [step.attempt for step in trace.steps if step.status == "by_template"] == [2]
    by_template = on_whatsapp(rows)[1]
    report(app, by_template.id, by_template.sid, "undelivered", CLOSED)
    assert (told_to(app, rows).state, told_to(app, rows).channel) == ("pending", "sms")
    run_worker(app)
    assert twilio.calls[-1]["to"] == ALICE


def test_it_goes_by_template_even_where_they_have_written_since(app, ships, alice, twilio, rows):
    wrote(app, ago=2 * HOUR)
    ships()
    (freely,) = on_whatsapp(rows)
    change(app, Phone, whatsapp_at=datetime.now(UTC))
    report(app, freely.id, freely.sid, "undelivered", CLOSED)
    assert rows.one(Phone).whatsapp_at is not None
    run_worker(app)
    assert twilio.calls[-1]["content_sid"] == ENGLISH


def test_it_is_the_same_where_twilio_says_so_at_once(app, ships, alice, twilio, rows):
    wrote(app)
    twilio.rejects(CLOSED)
    ships()
    run_worker(app)
    assert [row.template for row in on_whatsapp(rows)] == [None, ENGLISH]
    assert twilio.calls[-1]["content_sid"] == ENGLISH


def test_without_a_template_it_goes_on_at_once(app, ships, alice, twilio, rows):
    wrote(app)
    ships(kind="order_delivered", place=None)
    (freely,) = on_whatsapp(rows)
    report(app, freely.id, freely.sid, "undelivered", CLOSED)
    run_worker(app)
    run_worker(app)
    assert len(on_whatsapp(rows)) == 1
    assert twilio.calls[-1]["to"] == ALICE


END = st.sampled_from([0, CLOSED, 63003, 63009, 63024, 30003, 30005, 30008, 21610])


@pytest.mark.one_database
@hypothesis.settings(max_examples=10, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.example([(CLOSED, True)] * 12)
@given(st.lists(st.tuples(END, st.booleans()), min_size=12, max_size=12))
def test_a_route_never_loops_nor_turns_back_and_ends_with_a_stop(
    app, ships, alice, twilio, rows, ends
):
    """Whatever becomes of each try, and whether they write to us again meanwhile."""
    event_id = f"order-{new_id()}"
    wrote(app)
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(delete(OptOut))
    ships(event_id)

    def delivery():
        (found,) = [row for row in rows.all(Delivery) if row.event_id == event_id]
        return found

    tried: list[tuple[str, str | None]] = []
    for end, writes_again in ends:
        change(app, Delivery, expires_at=datetime.now(UTC) + 99 * HOUR)
        make_due(app)
        while run_worker(app):
            pass
        mine = [row for row in rows.attempts if row.delivery_id == delivery().id]
        if len(mine) == len(tried) and delivery().state != "pending":
            break
        tried = [(row.channel, row.template) for row in mine]
        newest = mine[-1]
        if writes_again:
            change(app, Phone, whatsapp_at=datetime.now(UTC))
        if newest.sid:
            report(app, newest.id, newest.sid, "undelivered" if end else "delivered", end)
        if end in {0, 21610}:
            ended = len(tried)
            make_due(app)
            assert run_worker(app) == 0
            assert ended == len([r for r in rows.attempts if r.delivery_id == delivery().id])
            break
    else:
        pytest.fail(f"it goes on and on: {tried}")
    order = [channel for channel, _ in tried]
    assert order == sorted(order, key=["whatsapp", "sms"].index)
    said = [template is None for channel, template in tried if channel == "whatsapp"]
    assert said == sorted(said, reverse=True)
