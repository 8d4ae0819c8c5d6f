"""WhatsApp, from the wish on the page to a template, an answer, free words and a STOP."""

import pytest

from smsapp.recipients import customers
from smsapp.recipients.customers import Visitor
from tests.conftest import ALICE, KEY, ROOT, app_at, on_one_database, shipment
from tests.flows.conftest import installation_on
from tests.system import get, post, wait_for

SETTINGS = {
    "TWILIO_WHATSAPP_FROM": "+14155238886",
    "WHATSAPP_TEMPLATES": str(ROOT / "smsapp" / "launcher" / "whatsapp.toml"),
    "QUIET_HOURS": "none",
}
ADDRESS = f"whatsapp:{ALICE}"


# Each rule of it is tried on both databases by the tests of its own file.
pytestmark = on_one_database


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request, tmp_path):
    with installation_on(request, tmp_path, posts_texts=True) as system:
        url, _ = system.web(**SETTINGS)
        yield system, url


def newest(system, to):
    return next((one for one in system.sandbox.messages() if one["to"] == to), None)


def test_who_chose_it_is_written_to_there_and_a_stop_stops_all(shop):
    system, url = shop
    path = "/api/events/order_shipped"

    def ships(number, **changes):
        event = shipment(f"order-{number}-shipped", orderId=str(number), **changes)
        return post(url, system.key, event, path=path)[1]

    def told(answer):
        return get(url, system.key, f"/api/deliveries/{answer['deliveryId']}")

    assert told(ships(1))["channel"] == "sms"
    with app_at(system.environment["DATABASE_URL"]):
        customers.agree(Visitor(KEY, None), ["whatsapp"])

    by_template = ships(2)
    wait_for(lambda: told(by_template)["status"] == "delivered")
    assert newest(system, ADDRESS)["body"].startswith("Your order 2 has shipped.\nTracking: ")
    system.sandbox.read(ADDRESS)
    wait_for(lambda: told(by_template)["status"] == "read")

    system.sandbox.text(ADDRESS, "Thank you!")
    system.sandbox.settle()
    freely = ships(3)
    wait_for(lambda: told(freely)["status"] == "delivered")
    assert newest(system, ADDRESS)["body"].startswith("Your order 3 has shipped. Tracking: ")

    system.sandbox.weather(whatsapp_error=63003)
    by_text = ships(4)
    wait_for(lambda: told(by_text)["channel"] == "sms")
    system.sandbox.clear_weather()
    wait_for(lambda: told(by_text)["status"] == "delivered")
    ways = [attempt["channel"] for attempt in told(by_text)["attempts"]]
    assert ways == ["whatsapp", "sms"]

    system.sandbox.text(ADDRESS, "STOP")
    system.sandbox.settle()
    assert ships(5)["error"] == "opted_out"


def test_outside_the_window_nothing_is_said_freely(shop):
    system, url = shop
    post(url, system.key, shipment("order-1-shipped", orderId="1"))
    with app_at(system.environment["DATABASE_URL"]):
        customers.agree(Visitor(KEY, None), ["whatsapp"])
    event = shipment("order-2-ready", orderId="2", place="Hill Street 1", trackingUrl=None)
    _, ready = post(url, system.key, event, path="/api/events/order_ready")
    wait_for(lambda: newest(system, ALICE) and "ready" in newest(system, ALICE)["body"])
    assert newest(system, ADDRESS) is None
    told = get(url, system.key, f"/api/deliveries/{ready['deliveryId']}")
    assert [attempt["channel"] for attempt in told["attempts"]] == ["sms"]
