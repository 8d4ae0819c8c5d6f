"""POST /api/deliveries/<id>/cancel: a service takes back what has not left."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from smsapp.api_keys import Scope
from smsapp.delivery import canceling
from smsapp.errors import TooLate
from smsapp.extensions import db, new_id
from smsapp.models import Audit, Delivery
from tests.conftest import ALICE, at_once, claim, make_due, opt_out, run_until_settled, run_worker
from tests.web.test_console_pages import does, says


@pytest.fixture
def planned(shop):
    """A delivery that is due in a day."""
    at = datetime.now(UTC) + timedelta(days=1)
    return shop.ships(sendAt=at.isoformat()).json["deliveryId"]


def cancel(service, delivery_id):
    return service.post(f"/api/deliveries/{delivery_id}/cancel")


def test_what_waits_is_canceled_and_never_leaves(app, shop, planned, twilio, rows):
    answer = cancel(shop, planned)
    assert answer.status_code == 200
    assert answer.json == shop.get(f"/api/deliveries/{planned}").json
    assert (answer.json["status"], answer.json["dueAt"]) == ("canceled", None)
    assert answer.json["timeline"][-1]["source"] == "api"
    assert answer.json["timeline"][-1]["text"] == (
        "A service canceled it, with the API key “shop”."
    )
    run_until_settled(app)
    assert twilio.calls == []
    again = shop.ships().json
    assert (again["duplicate"], again["status"]) == (True, "canceled")


def test_canceling_again_changes_nothing(make_service, shop, planned, rows):
    first = cancel(shop, planned)
    again = cancel(make_service("other"), planned)
    assert (again.status_code, again.json) == (200, first.json)


def test_what_an_operator_canceled_is_canceled(shop, planned, operator, rows):
    does(operator, f"/console/deliveries/{planned}/cancel")
    answer = cancel(shop, planned)
    assert answer.status_code == 200
    assert "An operator canceled it." in answer.json["timeline"][-1]["text"]
    assert rows.delivery.canceled_by is None


def test_what_has_left_is_too_late(shop, twilio):
    answer = cancel(shop, shop.ships().json["deliveryId"])
    assert answer.status_code == 409
    assert answer.json == {
        "error": "too_late",
        "message": "It cannot be canceled any more: its status is sent.",
        "status": "sent",
    }


def test_what_is_being_sent_is_too_late(app, shop, twilio, rows):
    delivery_id = shop.ships(prefer="respond-async").json["deliveryId"]
    claim(app)
    answer = cancel(shop, delivery_id)
    assert (answer.status_code, answer.json["status"]) == (409, "sending")
    assert rows.delivery.lease_token is not None


def test_what_was_stopped_stays_stopped(app, shop, rows):
    opt_out(app, ALICE)
    answer = cancel(shop, shop.ships().json["deliveryId"])
    assert (answer.status_code, answer.json["status"]) == (409, "suppressed")
    assert rows.delivery.reason == "opted_out"


def test_what_is_not_there_is_404(shop):
    for delivery_id in (new_id(), "7"):
        assert cancel(shop, delivery_id).status_code == 404


def test_a_key_needs_the_scope_send(make_service, shop, planned, rows):
    answer = cancel(make_service("reader", Scope.READ), planned)
    assert (answer.status_code, answer.json["error"]) == (403, "forbidden")
    assert rows.delivery.state == "pending"


def test_of_a_cancel_and_a_claim_at_once_one_wins(app, shop, twilio, rows):
    """Either it is canceled and nothing leaves, or it is too late and one text does."""
    for number in range(5):
        shop.ships(f"order-{number}-shipped", orderId=str(number), prefer="respond-async")
    canceled = []

    def cancels():
        for row in rows.all(Delivery):
            canceled.append(cancel(shop, row.id).status_code)

    at_once(cancels, lambda: run_worker(app))
    make_due(app)
    run_until_settled(app)
    assert sorted(set(canceled) - {200, 409}) == []
    assert len(twilio.calls) == 5 - canceled.count(200)


def test_the_console_names_the_key_and_sends_it_again(app, shop, planned, operator, rows, twilio):
    cancel(shop, planned)
    page = f"/console/deliveries/{planned}"
    assert "A service canceled it, with the API key “shop”." in says(operator, page)
    does(operator, f"{page}/send-again", seen="canceled")
    assert rows.delivery.canceled_by is None
    does(operator, f"{page}/cancel")
    assert "API key" not in says(operator, page)
    assert [row.act for row in rows.all(Audit)] == ["sent_again", "canceled"]


def test_what_arrived_after_all_is_not_said_to_be_canceled(app, shop, planned, rows):
    cancel(shop, planned)
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(update(Delivery).values(state="delivered"))
    told = shop.get(f"/api/deliveries/{planned}").json
    assert all("canceled" not in step["text"] for step in told["timeline"])


def test_within_a_transaction_it_says_what_the_delivery_is(app, shop, twilio, rows):
    shop.ships()
    delivery = rows.delivery
    with app.app_context(), db.engine.begin() as conn, pytest.raises(TooLate) as late:
        canceling.cancel_within(conn, delivery.id)
    assert late.value.state == "sent"
