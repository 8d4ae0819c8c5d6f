"""When a message about an event leaves: at once, later, in the morning, or never."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from smsapp.models import Delivery, DeliveryState
from tests.conftest import claim, make_due, settings_of, shipment

WASHINGTON = ZoneInfo("America/New_York")  # where ALICE's number is
HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def tells(shop):
    """Tell an event of a kind about order 1001."""

    def post(kind: str, **changes: object):
        return shop.post(f"/api/events/{kind}", json=shipment(f"{kind}-1001", **changes))

    return post


@pytest.fixture
def at_night(app):
    """Let it be night in Washington for another hour."""
    begins, ends = now().astimezone(WASHINGTON) - HOUR, now().astimezone(WASHINGTON) + HOUR
    with settings_of(app, QUIET_HOURS=f"{begins:%H:%M}-{ends:%H:%M}"):
        yield ends.replace(second=0, microsecond=0)


def test_what_can_wait_waits_for_morning_and_says_until_when(tells, twilio, rows, at_night):
    answer = tells("order_delayed")
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    assert datetime.fromisoformat(answer.json["sendAt"]) == at_night
    assert rows.delivery.due_at == at_night
    assert twilio.calls == []
    again = tells("order_delayed").json
    assert (again["duplicate"], again["sendAt"]) == (True, answer.json["sendAt"])


def test_what_cannot_wait_wakes_people(tells, twilio, at_night):
    assert tells("order_out_for_delivery").json["status"] == "sent"
    assert len(twilio.calls) == 1


def test_by_day_nothing_waits(app, tells, twilio):
    begins = now().astimezone(WASHINGTON) + HOUR
    with settings_of(app, QUIET_HOURS=f"{begins:%H:%M}-{begins + HOUR:%H:%M}"):
        assert tells("order_delayed").json["status"] == "sent"
    assert len(twilio.calls) == 1


def test_what_became_due_at_night_is_put_off_by_the_worker(app, tells, rows, at_night):
    tells("order_delayed")
    make_due(app)  # as for a worker that was down since the evening
    assert claim(app, 10) == []
    assert rows.delivery.due_at == at_night


def test_it_leaves_when_the_event_says(tells, twilio, rows):
    at = now() + 5 * timedelta(days=1)
    answer = tells("order_shipped", sendAt=at.isoformat())
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    assert datetime.fromisoformat(answer.json["sendAt"]) == at == rows.delivery.due_at
    assert rows.delivery.expires_at > at + HOUR
    assert twilio.calls == []


def test_a_time_that_has_passed_is_now(tells, twilio):
    assert tells("order_shipped", sendAt=(now() - HOUR).isoformat()).json["status"] == "sent"


@pytest.mark.parametrize("at", ["tomorrow", "2026-11-27T09:00:00", "9999-12-31T23:59:59Z", 7])
def test_a_time_too_far_ahead_or_without_an_offset_is_refused(tells, at):
    answer = tells("order_shipped", sendAt=at)
    assert answer.status_code == 400
    assert list(answer.json["details"]["fieldErrors"]) == ["sendAt"]


def test_what_waits_is_canceled_by_what_makes_it_pointless(tells, shop, twilio, rows):
    waiting = tells("order_out_for_delivery", sendAt=(now() + HOUR).isoformat()).json
    assert tells("order_delivered").json["status"] == "sent"
    found = shop.get(f"/api/deliveries/{waiting['deliveryId']}").json
    assert (found["status"], found["reason"]) == ("canceled", "superseded")
    assert "later event" in found["timeline"][-1]["text"]
    assert "later event" in found["meaning"]["cause"]
    assert len(twilio.calls) == 1


def test_what_is_told_too_late_is_canceled_as_it_comes_in(tells, twilio):
    tells("order_delivered")
    late = tells("order_out_for_delivery")
    assert (late.status_code, late.json["status"]) == (202, "canceled")
    again = tells("order_out_for_delivery")
    assert (again.status_code, again.json["duplicate"]) == (200, True)
    assert len(twilio.calls) == 1


def test_another_order_and_another_person_go_on_waiting(tells, shop, twilio, rows):
    later = (now() + HOUR).isoformat()
    for event_id, change in (
        ("other-order", {"orderId": "1002"}),
        ("other-person", {"phone": "+12025550199"}),
    ):
        shop.post(
            "/api/events/order_out_for_delivery", json=shipment(event_id, sendAt=later, **change)
        )
    tells("order_delivered")
    states = sorted(row.state for row in rows.all(Delivery))
    assert states == [DeliveryState.PENDING, DeliveryState.PENDING, DeliveryState.SENT]


def test_what_has_left_stays_as_it_is(tells, twilio, rows):
    tells("order_out_for_delivery")
    tells("order_delivered")
    assert {row.state for row in rows.all(Delivery)} == {DeliveryState.SENT}
