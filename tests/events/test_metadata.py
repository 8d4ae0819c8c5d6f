"""What a service has kept with an event: told to services with its delivery, and nowhere else."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from smsapp.extensions import db
from smsapp.models import Delivery
from tests.conftest import make_due, on_one_database, run_worker, shipment, sid

KEPT = {"cart": "77", "note": "très privé 🎁"}
PATHS = ("/api/order-shipped-sms", "/api/events/order_shipped", "/api/events/order_delivered")


@pytest.mark.parametrize("path", PATHS)
def test_it_is_kept_with_the_delivery(shop, twilio, path):
    answer = shop.post(path, json=shipment(metadata=KEPT))
    assert answer.json == {
        "accepted": True,
        "sid": sid(1),
        "deliveryId": answer.json["deliveryId"],
        "status": "sent",
    }
    found = shop.get(answer.headers["Location"]).json
    assert found["metadata"] == KEPT
    assert shop.get(f"/api/messages/{sid(1)}").json["metadata"] == KEPT


def test_an_event_without_any_has_none(shop, twilio):
    for number, kept in enumerate((None, {})):
        answer = shop.ships(f"order-{number}-shipped", metadata=kept)
        assert shop.get(answer.headers["Location"]).json["metadata"] == {}


FAULTS = {
    "must be an object of strings": [[], "cart=77", 7, True, ["cart"]],
    "must hold strings alone": [{"cart": 77}, {"cart": None}, {"a": {"b": "c"}}, {"a": ["b"]}],
    "must not hold control characters": [
        *({"a": "\x00"}, {"a": "b\nc"}, {"a\x7f": "b"}, {"a": "\ud83d"}, {"\ud83d": "a"}),
    ],
    "must have at most 1024 bytes": [
        *(
            {"a": "x" * 1024},
            {"x" * 1025: ""},
            {"a": "é" * 512},
            {f"{n:04}": "x" for n in range(205)},
        ),
    ],
}


@on_one_database
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("path", PATHS)
def test_what_cannot_be_kept_is_refused_by_name(shop, twilio, rows, path, fault):
    for value in FAULTS[fault]:
        body = json.dumps(shipment() | {"metadata": value, "orderId": 7})
        answer = shop.post(path, data=body, content_type="application/json")
        assert answer.status_code == 400
        fields = answer.json["details"]["fieldErrors"]
        assert set(fields) == {"orderId", "metadata"}
        assert fields["metadata"][0].startswith(fault), value
    assert rows.all(Delivery) == []


@pytest.mark.parametrize("most", [{"a": "x" * 1023}, {"k" * 1024: ""}, {"é": "é" * 511}])
def test_a_kibibyte_is_kept(shop, twilio, most):
    answer = shop.ships(metadata=most)
    assert shop.get(answer.headers["Location"]).json["metadata"] == most


def test_another_is_not_other_content_and_the_first_is_kept(shop, twilio):
    first = shop.ships(metadata=KEPT)
    again = shop.ships(metadata={"cart": "78"})
    assert (again.status_code, again.json["duplicate"]) == (200, True)
    assert shop.get(first.headers["Location"]).json["metadata"] == KEPT


def test_it_costs_no_statement(app, shop, twilio):
    """An event with it is accepted by as many statements as one without."""
    counted = []
    with app.app_context():
        engine = db.engine
    shop.ships()

    def note(*_):
        counted[-1] += 1

    event.listen(engine, "before_cursor_execute", note)
    try:
        for number, kept in enumerate((None, KEPT)):
            counted.append(0)
            shop.ships(f"event-{number}", metadata=kept)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert counted[0] == counted[1] > 0


def test_it_is_in_no_log_no_text_and_no_list(shop, twilio, caplog):
    with caplog.at_level("DEBUG"):
        shop.ships(metadata=KEPT)
        shop.ships(metadata=KEPT | {"bad\x00": "private too"})
    said = [str(vars(record)) for record in caplog.records if not record.name.startswith("sqlalch")]
    assert said
    assert [line for line in said if "privé" in line or "private" in line] == []
    assert "privé" not in twilio.calls[0]["body"]
    assert "privé" not in shop.get("/api/deliveries").text


def test_it_waits_with_its_delivery(app, shop, twilio, rows):
    at = datetime.now(UTC) + timedelta(hours=1)
    shop.ships(metadata=KEPT, sendAt=at.isoformat())
    make_due(app)
    run_worker(app)
    assert rows.delivery.metadata == KEPT
