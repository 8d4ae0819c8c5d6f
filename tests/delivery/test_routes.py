"""Routes: where one channel cannot reach somebody, their message goes on to the next, once."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.delivery import channels, routes
from smsapp.events.kinds import KINDS
from smsapp.events.order_shipped import ORDER_SHIPPED
from smsapp.models import Channel, Delivery, DeliveryState, Reason
from smsapp.providers.outcomes import Refused
from tests.conftest import (
    ALICE,
    KEY,
    change,
    opt_out,
    report,
    run_worker,
    settings_of,
    shipment,
    sid,
)
from tests.web.test_second_channel import AWAY, Pigeons

LANDLINE, SWITCHED_OFF, CLOSED_COUNTRY = 21614, 30003, 21408


@pytest.fixture
def pigeons(monkeypatch):
    """Pigeons stand for e-mail; they know where Alice lives."""
    loft = Pigeons(nests={KEY}, before=500)
    monkeypatch.setitem(channels.CHANNELS, Channel.EMAIL, loft)
    return loft


@pytest.fixture
def ships(shop, pigeons):
    def post(event_id="order-1001-shipped", **changes):
        body = shipment(event_id, trackingUrl=None, **changes)
        return shop.post("/api/events/order_shipped", json=body)

    return post


def test_a_landline_is_reached_another_way_at_once(app, shop, ships, twilio, pigeons, rows):
    twilio.rejects(LANDLINE)
    answer = ships()
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    assert run_worker(app) == 1
    (letter,) = pigeons.flown
    assert (letter.to, letter.body) == (f"nest of {KEY}", "Your order 1001 has shipped.")
    assert letter.title == "Your order 1001 has shipped."
    assert rows.delivery.state == "sent"
    assert [attempt.channel for attempt in rows.attempts] == ["sms", "email"]
    told = shop.get(f"/api/deliveries/{answer.json['deliveryId']}").json
    assert told["channel"] == "email"
    went_on = [step["text"] for step in told["timeline"] if step["status"] == "next_channel"]
    assert went_on == ["What came before did not reach them, so it went on another way: E-mail."]


def test_a_phone_that_is_switched_off_is_tried_once_more_first(app, ships, twilio, pigeons, rows):
    ships()
    report(app, rows.attempts[0].id, sid(1), "undelivered", SWITCHED_OFF)
    assert (rows.delivery.state, rows.delivery.channel) == ("pending", "sms")
    change(app, Delivery, due_at=rows.delivery.created_at)
    run_worker(app)
    report(app, rows.attempts[1].id, sid(2), "undelivered", SWITCHED_OFF)
    assert (rows.delivery.state, rows.delivery.channel) == ("pending", "email")
    assert run_worker(app) == 1
    assert len(pigeons.flown) == 1


def test_a_text_that_arrives_after_all_keeps_the_letter_from_leaving(
    app, ships, twilio, pigeons, rows
):
    ships()
    report(app, rows.attempts[0].id, sid(1), "undelivered", 30005)
    assert rows.delivery.channel == "email"
    report(app, rows.attempts[0].id, sid(1), "delivered")
    assert rows.delivery.state == "delivered"
    assert run_worker(app) == 0
    assert pigeons.flown == []


def test_a_closed_country_is_no_reason_to_wait(app, ships, twilio, pigeons, rows):
    twilio.rejects(CLOSED_COUNTRY, 403)
    assert ships().json["status"] == "pending"
    assert run_worker(app) == 1
    assert len(pigeons.flown) == 1


@pytest.mark.parametrize("code", [21610, 30004, 21617, 20003])
def test_a_stop_and_a_fault_of_ours_lead_nowhere_else(app, ships, twilio, pigeons, rows, code):
    twilio.rejects(code)
    ships()
    assert rows.delivery.channel == "sms"
    run_worker(app)
    assert pigeons.flown == []


def test_nobody_is_written_to_after_their_stop(app, ships, twilio, pigeons, rows):
    twilio.rejects(LANDLINE)
    ships()
    opt_out(app, ALICE)
    assert run_worker(app) == 0
    assert (rows.delivery.state, pigeons.flown) == (DeliveryState.SUPPRESSED, [])


def test_who_has_no_address_is_told_of_as_before(app, ships, twilio, pigeons):
    pigeons.nests = set()
    twilio.rejects(LANDLINE)
    answer = ships()
    assert (answer.status_code, answer.json["code"]) == (502, LANDLINE)


def test_an_address_that_is_gone_by_then_ends_it(app, shop, ships, twilio, pigeons, rows):
    twilio.rejects(LANDLINE)
    ships()
    pigeons.nests = set()
    assert run_worker(app) == 0
    assert (rows.delivery.state, rows.delivery.reason) == ("failed", Reason.NO_CHANNEL)
    assert ships().json["error"] == "sms_delivery_failed"


def test_an_event_may_say_which_way_first(app, ships, twilio, pigeons, rows):
    assert ships(channels=["email", "sms"]).json["status"] == "sent"
    assert len(pigeons.flown) == 1
    assert twilio.calls == []
    pigeons.answers.append(Refused(550, AWAY, None))
    assert ships("order-1002-shipped", channels=["email", "sms"]).json["status"] == "pending"
    assert run_worker(app) == 1
    assert len(twilio.calls) == 1
    pigeons.nests = set()
    assert ships("order-1003-shipped", channels=["email", "sms"]).json["status"] == "pending"
    assert (run_worker(app), run_worker(app)) == (0, 1)


def test_what_is_not_set_up_or_no_channel_is_refused(ships, pigeons, rows):
    pigeons.is_configured = False
    for wrong in (["email"], ["whatsapp", "sms"], ["pigeon"], [], "sms"):
        answer = ships(channels=wrong)
        assert (answer.status_code, list(answer.json["details"]["fieldErrors"])) == (
            400,
            ["channels"],
        )
    assert rows.all(Delivery) == []


def test_a_letter_wakes_nobody(app, ships, rows, monkeypatch):
    kind = dataclasses.replace(ORDER_SHIPPED, waits_for_morning=True)
    monkeypatch.setitem(KINDS, "order_shipped", kind)
    with settings_of(app, QUIET_HOURS="00:00-23:59"):
        assert ships(channels=["email"]).json["status"] == "sent"
        assert ships("order-1002-shipped", channels=["sms"]).json["status"] == "pending"


CHANNELS = st.lists(st.sampled_from(list(Channel)), unique=True)


@given(CHANNELS, CHANNELS)
def test_a_route_tries_each_channel_at_most_once_and_only_those_that_reach(route, reach):
    tried, left = [], routes.as_text(route)
    lofts = {one: Pigeons(nests={KEY} if one in reach else set()) for one in Channel}
    with pytest.MonkeyPatch.context() as patch:
        for channel, loft in lofts.items():
            patch.setitem(channels.CHANNELS, channel, loft)
        while way := routes.after(None, left, KEY, ALICE):
            tried.append(way.channel)
            left = routes.as_text(way.rest)
    assert tried == [one for one in route if one in reach]
