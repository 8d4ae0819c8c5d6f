"""Phone calls: from an event to what somebody hears, presses, or misses."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from smsapp import clock, phone_menu
from smsapp.extensions import db
from smsapp.models import Call, Inbound
from tests.conftest import ALICE, BOB, a_database, app_at, on_one_database, with_schema
from tests.system import get, installation, post, wait_for

SETTINGS = {
    "TWILIO_VOICE_FROM": "+15005550006",
    "QUIET_HOURS": "none",
    "CALLS_PER_SECOND": "1000",
    "VOICE_MENU": str(phone_menu.EXAMPLE_FILE),
    "VOICE_NUMBERS": "shop=+12025550100,orders=+12025550101",
    "VOICEMAIL_TO": BOB,
}


# Each rule of it is tried on both databases by the tests of its own file.
pytestmark = on_one_database


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request, tmp_path):
    with (
        a_database(request, tmp_path, with_schema(request)) as url,
        installation(url, tmp_path, posts_texts=True, **SETTINGS) as system,
    ):
        at, _ = system.web()
        yield system, at


def calls(shop, kind, event_id, **fields):
    """Have somebody called; return what is told of the delivery, and the call once it rings."""
    system, url = shop
    before = len(system.sandbox.calls())
    event = {"eventId": event_id, "phone": ALICE, "channels": ["call"]} | fields
    event["consentAt"] = "2026-06-02T09:00:00Z"
    status, answer = post(url, system.key, event, path=f"/api/events/{kind}")
    assert status == 202, answer
    wait_for(lambda: len(system.sandbox.calls()) > before)

    def told():
        return get(url, system.key, f"/api/deliveries/{answer['deliveryId']}")

    return told, system.sandbox.calls()[0]["sid"]


def test_who_picks_up_hears_it_and_a_busy_line_is_called_again(shop):
    system, _ = shop
    link = "https://example.com/track/1001"
    told, sid = calls(shop, "order_shipped", "order-1", orderId="1001", trackingUrl=link)
    system.sandbox.pick_up(sid)
    said = "Your order 1 0 0 1 has shipped."
    assert system.sandbox.heard(sid) == [said, said, "Goodbye."]
    wait_for(lambda: told()["status"] == "delivered")
    assert told()["attempts"][0]["sid"] == sid
    assert "They picked up" in told()["meaning"]["cause"]

    told, sid = calls(shop, "order_shipped", "order-2", orderId="1002")
    system.sandbox.end_call(sid, "busy")
    wait_for(lambda: told()["status"] == "pending")
    (attempt,) = told()["attempts"]
    assert (attempt["status"], attempt["error"]["code"]) == ("undelivered", 486)

    told, sid = calls(shop, "order_shipped", "order-3", orderId="1003")
    system.sandbox.end_call(sid, "failed")
    wait_for(lambda: told()["status"] == "failed")

    told, sid = calls(shop, "order_shipped", "order-4", orderId="1004")
    system.sandbox.pick_up(sid, "machine_end_beep")
    wait_for(lambda: told()["status"] == "delivered")
    assert "answering machine" in told()["meaning"]["cause"]


def test_a_key_confirms_an_appointment_and_says_so(shop):
    system, _ = shop
    _, sid = calls(
        shop,
        "appointment_booked",
        "appointment-1",
        appointmentId="7",
        startsAt=(clock.now() + timedelta(hours=3)).isoformat(),
        remindBefore=["PT2H"],
    )
    system.sandbox.pick_up(sid)
    system.execute("UPDATE delivery SET due_at = created_at WHERE state = 'pending'")
    wait_for(lambda: len(system.sandbox.calls()) == 2)
    sid = system.sandbox.calls()[0]["sid"]
    system.sandbox.pick_up(sid)
    assert system.sandbox.heard(sid)[0].endswith("Press 1 to confirm.")
    system.sandbox.press_keys(sid, "5")
    assert system.sandbox.heard(sid)[1] == "That key has no meaning here."
    system.sandbox.press_keys(sid, "1")
    assert system.sandbox.heard(sid)[-2].startswith("Thank you. Your appointment on")


def test_who_gets_lost_twice_leaves_a_message_and_wherever_they_hang_up_nothing_is_half_done(shop):
    system, _ = shop
    sandbox = system.sandbox
    sid = sandbox.ring(ALICE)
    sandbox.press_keys(sid, "7")
    sandbox.press_keys(sid, "")
    assert sandbox.heard(sid)[-1] == "Leave us a message after the tone, then hang up."
    sandbox.leave_message(sid, "This is Alice. Please ring me back.")
    sandbox.settle()
    told = [message for message in sandbox.messages() if message["to"] == BOB]
    wait_for(lambda: told or any(one["to"] == BOB for one in sandbox.messages()))
    for steps in ([], ["1"], ["1", "1"], ["0"], ["3"]):
        sid = sandbox.ring("anonymous")
        for keys in steps:
            sandbox.press_keys(sid, keys)
        sandbox.end_call(sid)
    sandbox.settle()
    with app_at(system.environment["DATABASE_URL"]), db.engine.connect() as conn:
        calls = conn.execute(select(Call.__table__)).all()
        assert len(calls) == 6
        assert {call.status for call in calls} == {"completed"}
        (message,) = conn.execute(select(Inbound.__table__)).all()
        assert message.body == "This is Alice. Please ring me back."
