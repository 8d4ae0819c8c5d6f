"""POST /api/events/order_out_for_delivery: the text about an order on its way to the door."""

import pytest

from tests.conftest import shipment

PATH = "/api/events/order_out_for_delivery"


@pytest.fixture
def brings(shop):
    """Tell that an order is on its way; a change to None leaves the field out."""

    def post(event_id="order-1001-today", **changes):
        return shop.post(PATH, json=shipment(event_id, **{"trackingUrl": None} | changes))

    return post


TIMES = {"from": "2026-11-27T14:00:00+01:00", "until": "2026-11-27T16:30:00+01:00"}


def test_a_repeat_texts_nobody_however_its_times_are_written(brings, twilio):
    brings(**TIMES)
    again = brings(**{"from": "2026-11-27T13:00:00Z", "until": "2026-11-27T15:30:00Z"})
    assert (again.status_code, again.json["duplicate"]) == (200, True)
    assert len(twilio.calls) == 1


def test_another_time_under_the_same_event_id_is_refused_by_name(brings):
    brings(**TIMES)
    answer = brings()
    assert (answer.status_code, answer.json["error"]) == (422, "event_id_reused")
    assert "a different phone, orderId, from, until or trackingUrl" in answer.json["message"]


def test_an_event_id_of_another_kind_is_another_event(shop, brings, twilio):
    shop.ships("order-1001")
    assert brings("order-1001").json["accepted"] is True
    assert len(twilio.calls) == 2
    found = shop.get("/api/deliveries?eventId=order-1001&kind=order_out_for_delivery").json
    assert (found["kind"], found["orderId"], found["channel"]) == (
        "order_out_for_delivery",
        "1001",
        "sms",
    )
    assert shop.get("/api/deliveries?eventId=order-1001").json["kind"] == "order_shipped"


def test_without_any_consent_nobody_is_texted(brings, twilio, rows):
    answer = brings(consentAt=None)
    assert (answer.status_code, answer.json["error"]) == (409, "no_consent")
    assert answer.json["deliveryId"] == str(rows.delivery.id)
    assert rows.delivery.state == "suppressed"
    assert twilio.calls == []


def test_what_the_ledger_knows_is_consent_enough(shop, brings, twilio):
    shop.ships()
    assert brings(consentAt=None).status_code == 202
    assert len(twilio.calls) == 2
