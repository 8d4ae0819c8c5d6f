"""POST /api/order-shipped-sms, row by row of its contract."""

import pytest
from sqlalchemy import insert, update

from smsapp.models import Delivery, OptOut, Phone
from smsapp.providers.outcomes import Unknown
from tests.conftest import (
    ALICE,
    BOB,
    delivery_row,
    opt_out,
    run_until_settled,
    run_worker,
    settings_of,
    shipment,
    sid,
)


def test_a_new_event_is_texted_at_once(shop, twilio, rows):
    answer = shop.ships()

    assert answer.status_code == 202
    assert answer.json == {
        "accepted": True,
        "sid": sid(1),
        "deliveryId": str(rows.delivery.id),
        "status": "sent",
    }
    assert answer.headers["Location"] == f"/api/deliveries/{rows.delivery.id}"
    (call,) = twilio.calls
    assert call["to"] == ALICE
    assert call["body"] == "Your order 1001 has shipped. Tracking: https://example.com/track/1001"
    (attempt,) = rows.attempts
    assert call["status_callback"] == (
        f"https://sms.example.com/twilio/status-callback?attempt={attempt.id}#rc=5&rp=all"
    )


def test_the_text_with_the_shops_name_says_at_first_how_to_stop(app, shop, twilio):
    with settings_of(app, SHOP_NAME="Ann’s Shop"):
        shop.ships(trackingUrl=None)
        shop.ships("order-1002-shipped", orderId="1002", trackingUrl=None)
        shop.ships("order-1003-shipped", orderId="1003", phone=BOB, trackingUrl=None)
    assert [call["body"] for call in twilio.calls] == [
        "Ann's Shop: Your order 1001 has shipped. Reply STOP to stop.",
        "Ann's Shop: Your order 1002 has shipped.",
        "Ann's Shop: Your order 1003 has shipped. Reply STOP to stop.",
    ]


def test_of_texts_accepted_together_the_first_says_how_to_stop(app, shop, twilio, rows):
    with settings_of(app, SHOP_NAME="Rosa"):
        shop.ships_many(3, prefer="respond-async")
        bodies = [row.body for row in rows.all(Delivery)]
        run_worker(app)
    assert [body.count("Reply STOP") for body in sorted(bodies, key=len)] == [0, 0, 1]
    assert sorted(call["body"] for call in twilio.calls) == sorted(bodies)


def test_a_first_text_that_never_left_is_not_the_first(app, shop, twilio, rows):
    with settings_of(app, SHOP_NAME="Rosa"):
        twilio.rejects(21211)
        shop.ships()
        shop.ships("order-1002-shipped", orderId="1002")
    assert [call["body"].count("Reply STOP") for call in twilio.calls] == [1, 1]


def test_every_repeat_says_where_its_delivery_is(app, shop, twilio, rows):
    twilio.rejects(21211)
    for name, status in (("refused-event", 502), ("order-1001-shipped", 202)):
        assert shop.ships(name).status_code == status
    opt_out(app, BOB)
    first = shop.ships("stopped-event", phone=BOB)
    assert (first.status_code, "Location" in first.headers) == (409, False)
    for name, status in (
        ("refused-event", 502),
        ("order-1001-shipped", 200),
    ):
        again = shop.ships(name)
        assert again.status_code == status
        assert again.headers["Location"] == f"/api/deliveries/{again.json['deliveryId']}"
    again = shop.ships("stopped-event", phone=BOB)
    assert again.headers["Location"] == f"/api/deliveries/{first.json['deliveryId']}"


def test_a_repeat_is_a_duplicate_and_texts_nobody(shop, twilio, rows):
    first = shop.ships().json
    again = shop.ships()

    assert again.status_code == 200
    assert again.json == {
        "duplicate": True,
        "deliveryId": first["deliveryId"],
        "sid": first["sid"],
        "status": "sent",
    }
    assert len(twilio.calls) == 1


def test_two_services_share_event_ids(make_service, twilio):
    make_service("one").ships()
    assert make_service("two").ships().json["duplicate"] is True
    assert len(twilio.calls) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"phone": BOB},
        {"orderId": "1002"},
        {"trackingUrl": "https://example.com/2"},
        {"trackingUrl": None},
    ],
)
def test_an_event_id_with_other_content_is_refused(shop, twilio, rows, change):
    shop.ships()
    answer = shop.ships(**change)

    assert answer.status_code == 422
    assert answer.json["error"] == "event_id_reused"
    assert len(twilio.calls) == 1
    assert rows.delivery.order_id == "1001"


def test_another_consent_time_is_not_other_content(shop, twilio):
    shop.ships()
    assert shop.ships(consentAt="2026-06-03T09:00:00+02:00").status_code == 200


def test_respond_async_leaves_the_call_to_the_worker(app, shop, twilio, rows):
    answer = shop.ships(prefer="respond-async")

    assert answer.status_code == 202
    assert answer.json == {
        "accepted": True,
        "deliveryId": str(rows.delivery.id),
        "status": "pending",
    }
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.headers["Location"] == f"/api/deliveries/{rows.delivery.id}"
    assert twilio.calls == []
    assert shop.ships(prefer="respond-async").json == {
        "duplicate": True,
        "deliveryId": str(rows.delivery.id),
        "status": "pending",
    }
    assert run_worker(app) == 1
    assert len(twilio.calls) == 1
    assert rows.delivery.state == "sent"


def test_a_transient_failure_is_pending_and_tried_again(app, shop, twilio, rows):
    twilio.rejects(30410)
    answer = shop.ships()

    assert answer.status_code == 202
    assert answer.json["status"] == "pending"
    assert "sid" not in answer.json
    assert rows.delivery.state == "pending"
    assert rows.delivery.tries == 1


@pytest.mark.parametrize(
    "outcome", [Unknown("timeout", None, None), Unknown("server_error", 503, 20503)]
)
def test_an_unknown_outcome_is_pending_to_the_caller_and_never_repeated(
    app, shop, twilio, rows, outcome
):
    twilio.answers.append(outcome)
    answer = shop.ships()

    assert answer.status_code == 202
    assert answer.json["status"] == "pending"
    assert rows.delivery.state == "unknown"
    assert run_worker(app) == 0
    assert shop.ships().json["status"] == "pending"
    assert len(twilio.calls) == 1


def test_a_permanent_rejection_says_why_and_is_not_tried_again(app, shop, twilio, rows):
    twilio.rejects(21211)
    answer = shop.ships()

    assert answer.status_code == 502
    assert answer.json["error"] == "sms_delivery_failed"
    assert answer.json["code"] == 21211
    assert answer.json["deliveryId"] == str(rows.delivery.id)
    assert answer.json["message"].endswith(".")
    again = shop.ships()
    assert (again.status_code, again.json) == (502, answer.json | {"duplicate": True})
    assert run_worker(app) == 0
    assert len(twilio.calls) == 1


@pytest.mark.parametrize("code", [21608, 30032])
def test_a_wrong_setting_fails_the_delivery_and_names_the_setting(shop, twilio, rows, code):
    twilio.rejects(code)
    answer = shop.ships()

    assert answer.status_code == 502
    assert rows.delivery.state == "failed"
    error = shop.get(f"/api/deliveries/{rows.delivery.id}").json["error"]
    assert error["class"] == "configuration"
    assert error["nextStep"] == answer.json["nextStep"]


def test_an_opted_out_number_is_not_texted(app, shop, twilio, rows):
    opt_out(app, ALICE)
    answer = shop.ships()

    assert answer.status_code == 409
    assert answer.json["error"] == "opted_out"
    assert answer.json["deliveryId"] == str(rows.delivery.id)
    assert rows.delivery.state == "suppressed"
    assert twilio.calls == []
    again = shop.ships()
    assert (again.status_code, again.json) == (409, answer.json | {"duplicate": True})


def test_twilio_saying_that_they_opted_out_is_an_opt_out_here_too(shop, twilio, rows):
    twilio.rejects(21610)
    answer = shop.ships()

    assert answer.status_code == 409
    assert answer.json["error"] == "opted_out"
    assert rows.delivery.state == "suppressed"
    assert rows.one(OptOut).source == "twilio"
    assert shop.ships("order-1002-shipped", orderId="1002").status_code == 409
    assert len(twilio.calls) == 1


def test_in_staging_only_the_listed_numbers_are_texted_and_the_others_say_why(app, shop, twilio):
    with settings_of(app, ALLOWED_RECIPIENTS=f"{ALICE}, +819012345678"):
        assert shop.ships().status_code == 202
        answer = shop.ships("order-1002-shipped", phone=BOB)
    assert answer.status_code == 409
    assert answer.json["error"] == "recipient_not_allowed"
    assert len(twilio.calls) == 1
    told = shop.get(f"/api/deliveries/{answer.json['deliveryId']}").json
    assert (told["status"], told["reason"]) == ("suppressed", "recipient_not_allowed")
    assert (told["attempts"], told["sid"], told["error"]) == ([], None, None)
    assert told["timeline"][-1]["reason"] == "recipient_not_allowed"


def test_a_looping_service_does_not_bury_a_customer(app, shop, twilio, rows):
    with settings_of(app, MAX_TEXTS_PER_NUMBER_PER_DAY="2"):
        answers = shop.ships_many(4)
        run_worker(app)
    assert [answer.json["status"] for answer in answers] == ["sent", "sent", "pending", "pending"]
    assert len(twilio.calls) == 2
    waiting = [row for row in rows.all(Delivery) if row.state == "pending"]
    assert {str(row.due_at)[11:19] for row in waiting} == {"00:00:00"}


def test_spent_attempts_are_queued_again_by_a_repeat(app, shop, twilio, rows):
    for _ in range(5):
        twilio.rejects(30410)
    shop.ships()
    run_until_settled(app)
    assert rows.delivery.state == "failed"
    assert len(rows.attempts) == 5

    answer = shop.ships()

    assert answer.status_code == 202
    assert answer.json["duplicate"] is True
    assert answer.json["status"] == "pending"
    run_until_settled(app)
    assert rows.delivery.state == "sent"
    assert [attempt.number for attempt in rows.attempts] == [1, 2, 3, 4, 5, 6]


# The SHA-256 that the first release wrote for order 1001 to Alice, by its link.
HASHES_OF_THE_FIRST_RELEASE = {
    "https://example.com/track/1001": (
        "1232df090bc51eaf6fc7e413adadfa9b693aefdc9482fa29d6e4474717ffc7dd"
    ),
    None: "625cab5db2c3b9a5a885f7cd47eac3a81200c8bef5e5cfc52573c6120417bc1e",
}


@pytest.mark.parametrize("path", ["/api/order-shipped-sms", "/api/events/order_shipped"])
@pytest.mark.parametrize("link", HASHES_OF_THE_FIRST_RELEASE)
def test_an_event_told_before_an_upgrade_is_a_duplicate_after_it(
    app, shop, twilio, rows, write, path, link
):
    key = "6f6ca1ebeeeb1eca67ed139f3d28499faa5476f08b60fc8ae342694a0e2b6e8e"
    theirs = {
        "event_id": "order-1001-shipped",
        "content_hash": HASHES_OF_THE_FIRST_RELEASE[link],
        "phone_key": key,
        "subject": None,
    }
    write(
        lambda now: insert(Phone).values(phone_key=key, e164=ALICE, country="US", created_at=now),
        lambda now: insert(Delivery).values(delivery_row(now, **theirs)),
        lambda _: update(Delivery).values(subject=None),  # whatever a trigger of ours makes of it
    )
    again = shop.post(path, json=shipment(trackingUrl=link))
    assert (again.status_code, again.json["duplicate"]) == (200, True)
    assert again.json["deliveryId"] == str(rows.delivery.id)
    other = shop.post(path, json=shipment(trackingUrl="https://example.com/track/1002"))
    assert other.json["error"] == "event_id_reused"
    assert twilio.calls == []


def test_the_kinds_own_address_is_the_same_door(shop, twilio):
    shop.ships()
    again = shop.post("/api/events/order_shipped", json=shipment())
    assert (again.status_code, again.json["duplicate"]) == (200, True)
    assert len(twilio.calls) == 1


def test_a_curly_quote_is_sent_as_it_is_where_the_shop_wants_that(app, shop, twilio):
    with settings_of(app, SHOP_NAME="Ann’s Shop", SMART_ENCODING="false"):
        shop.ships(trackingUrl=None)
    assert twilio.calls[0]["body"].startswith("Ann’s Shop: Your order 1001 has shipped.")
