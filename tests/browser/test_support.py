"""“Where is my text?” The weather breaks, and support tells from the console alone why, and what
to do. Whatever is asserted here is what somebody reads there.
"""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from smsapp import api_keys, operators
from smsapp.api_keys import Scope
from smsapp.delivery import health
from smsapp.extensions import db
from smsapp.models import Role
from smsapp.watch import alarms, roll_up, rules
from tests.browser.conftest import shop_on_sandbox, sign_in
from tests.conftest import empty, make_app, shipment
from tests.flows.test_one_text import get, post
from tests.system import wait_for

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery staple"
NUMBER = "+12025552671"
FRENCH = "+3363998{:04}"


class Desk:
    """Sam's desk: his browser, and somebody who asks him about a text."""

    def __init__(self, system, url, app, page):
        self.system, self.url, self.app, self.page = system, url, app, page
        self.sandbox = self.system.sandbox

    def ships(self, order, phone=NUMBER, **headers):
        """Let the shop tell of a shipment; return its delivery's id."""
        body = shipment(f"order-{order}-shipped", phone=phone, orderId=str(order))
        _, answer = post(self.url, self.system.key, body, **headers)
        return answer["deliveryId"]

    def is_now(self, delivery, state):
        found = get(self.url, self.system.key, f"/api/deliveries/{delivery}")
        return found["status"] == state

    def minute_passes(self):
        """Do what a worker does each minute."""
        with self.app.app_context():
            alarms.evaluate()
            roll_up.run(60)

    def looks_for(self, pasted, state):
        """Paste it into the box; return what the page says of the text once it is in this state.

        One that waits for another try may be just having it.
        """
        self.page.goto("/console/")
        self.page.get_by_role("main").get_by_role("textbox").fill(str(pasted))
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", name="What happened")).to_be_visible()
        verdict = self.page.locator(".verdict")
        wait_for(lambda: self.page.reload() and state in verdict.inner_text())
        return verdict.inner_text()

    @property
    def timeline(self):
        return self.page.locator(".timeline").inner_text()

    def overview(self):
        self.page.get_by_role("link", name="Overview", exact=True).click()
        expect(self.page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
        return self.page.get_by_role("main").inner_text()


@pytest.fixture(scope="module")
def alarmed_shop(tmp_path_factory):
    """A shop on its own sandbox, where a few texts are enough for an alarm."""
    environment = {"ALARM_MIN_SAMPLE": "5", "ALARM_DELIVERY_RATE": "50"}
    with shop_on_sandbox(tmp_path_factory.mktemp("support"), **environment) as (system, url):
        app = make_app(**system.environment)
        yield system, url, app
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def desk(browser, alarmed_shop, cheap_hashes, monkeypatch):
    """A desk in that shop, to which nothing has happened yet."""
    monkeypatch.setattr(rules, "RECEIPT_AFTER", timedelta(0))
    system, url, app = alarmed_shop
    empty(app)
    system.sandbox.reset()
    with app.app_context():
        system.key = api_keys.create("shop", set(Scope))
        operators.create("sam", Role.SUPPORT, PASSWORD)
        with db.engine.begin() as conn:
            health.beat(conn, "a worker")  # the shop's own says so again in a while
    context = browser.new_context(base_url=url)
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto("/console/")
    sign_in(page, "sam", PASSWORD)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    yield Desk(system, url, app, page)
    context.close()


def has(text, *words):
    """All of this is there, in this order."""
    text = " ".join(text.split())
    at = 0
    for word in words:
        found = text.find(word, at)
        assert found >= 0, f"“{word}” is not in: {text[at:]}"
        at = found + len(word)


def test_a_carrier_in_one_country_filters_our_texts_until_it_delivers_again(desk, monkeypatch):
    monkeypatch.setattr(alarms, "CALM", timedelta(0))
    for order in range(7000, 7008):
        delivery = desk.ships(order)
    wait_for(lambda: desk.is_now(delivery, "delivered"))
    desk.sandbox.weather(carrier_error=30007)
    ours = [desk.ships(order, FRENCH.format(order)) for order in range(7100, 7106)]
    wait_for(lambda: all(desk.is_now(delivery, "failed") for delivery in ours))
    desk.minute_passes()
    has(
        desk.looks_for("order-7103-shipped", "Failed"),
        "A spam filter at Twilio or the carrier held the text back.",
        "What to do: Have the wording and any link in the text reviewed",
        "Not this text alone: Of 6 texts to FR in 1 hour, none arrived.",
    )
    has(desk.timeline, "Twilio took it.", "Receipt: it could not be sent. A spam filter", "30007")
    has(
        desk.overview(),
        "1 open alarm",
        "Of 6 texts to FR in 1 hour, none arrived.",
        "30007 × 6 A spam filter",
        "FR 0 %",
    )
    assert "Not this text alone" not in desk.looks_for("order-7001-shipped", "Delivered")
    desk.sandbox.clear_weather()
    ours = [desk.ships(order, FRENCH.format(order)) for order in range(7200, 7208)]
    wait_for(lambda: all(desk.is_now(delivery, "delivered") for delivery in ours))
    desk.minute_passes()
    has(desk.overview(), "No alarm is open.")


def test_our_credentials_are_refused_and_then_taken(desk):
    desk.sandbox.weather(credentials_refused=1)
    delivery = desk.ships(7001)
    desk.minute_passes()
    has(
        desk.looks_for("7001", "Waiting to be sent"),
        "Twilio refuses all our texts, so everything waits.",
        "Twilio did not accept our credentials, or the Twilio account is not active.",
        "What to do: Check the account SID and the auth token or API key",
        "Nothing is lost: once that works, it is sent by itself.",
        "Not this text alone: Twilio refuses our account or the sender",
    )
    has(desk.timeline, "We called Twilio.", "Twilio refused it.", "20003")
    has(desk.overview(), "Twilio refuses our account or the sender", "all texts wait", "20003")
    desk.sandbox.clear_weather()
    desk.system.execute("UPDATE sender SET probe_at = held_at")  # it is tried every 30 s
    wait_for(lambda: desk.is_now(delivery, "delivered"))
    assert len(desk.sandbox.messages()) == 1


def test_no_receipt_comes(desk):
    desk.sandbox.weather(lost_receipts=100)
    for order in range(7000, 7005):
        desk.ships(order)
    wait_for(lambda: {m["status"] for m in desk.sandbox.messages()} == {"delivered"})
    desk.minute_passes()
    has(
        desk.looks_for("7004", "Sent"),
        "Twilio took it. The carrier has not said yet whether it arrived.",
        "What to do: Wait for the receipt. If none comes, Twilio is asked on",
        "Not this text alone: Texts go out, but no receipt came for any of the last 5.",
    )
    has(desk.overview(), "no receipt came for any of the last 5", "PUBLIC_BASE_URL")


def test_calls_break_off_after_twilio_took_the_text(desk):
    desk.sandbox.weather(reset_after=100, lost_receipts=100)
    delivery = desk.ships(7001, Prefer="respond-async")
    wait_for(lambda: desk.is_now(delivery, "unknown"))
    desk.sandbox.weather(reset_after=0, latency_ms=5000)  # so that asking Twilio takes a while
    has(
        desk.looks_for(delivery, "Outcome not known"),
        "The connection to Twilio was cut, so nobody can say yet whether the text went out.",
        "What to do: Wait: a receipt tells, or Twilio's list of messages",
        "It is not sent again on a guess.",
    )
    has(desk.timeline, "Nobody can say whether Twilio took it: the connection to Twilio was cut.")
    desk.sandbox.clear_weather()
    wait_for(lambda: desk.is_now(delivery, "delivered"))
    has(desk.looks_for(delivery, "Delivered"), "The carrier says that it arrived on the phone.")
    has(desk.timeline, "We asked, and Twilio said: it arrived.")
    assert len(desk.sandbox.messages()) == 1


def test_a_stop_is_lost_on_its_way_to_us(desk):
    desk.sandbox.weather(lost_inbound=100)
    desk.sandbox.text(NUMBER, "STOP")
    desk.ships(7001)
    has(
        desk.looks_for("7001", "Not sent"),
        "The recipient replied STOP to our number, so no text may reach them.",
        "We know it from Twilio since",
        "no STOP had reached us.",
        "What to do: Respect it. Only the owner can change that, by texting START",
        "flask doctor says whether texts come in at all.",
    )
    has(desk.timeline, "All texts to the number were stopped when Twilio refused one")
    has(desk.timeline, "Twilio refused it.", "21610", "It was not sent.")
    desk.page.locator(".facts").get_by_role("link").first.click()
    has(desk.page.get_by_role("main").inner_text(), "No The number has opted out", "In force")


def test_the_carrier_knows_of_an_opt_out(desk):
    desk.sandbox.weather(carrier_error=21610)
    delivery = desk.ships(7001)
    wait_for(lambda: desk.is_now(delivery, "failed"))
    has(
        desk.looks_for("7001", "Failed"),
        "The recipient replied STOP to our number, so no text may reach them.",
        "What to do: Respect it",
    )
    desk.ships(7002)
    has(desk.looks_for("7002", "Not sent"), "We know it from Twilio since", "Respect it.")


def test_twilio_finds_us_too_fast(desk):
    desk.sandbox.weather(too_many_requests=100)
    delivery = desk.ships(7001)
    for number in range(7002, 7009):  # a single one may be chance
        desk.ships(number)
    has(
        desk.looks_for("7001", "Waiting to be sent"),
        "Twilio was handling too many of our requests at once",
        "What to do: Wait: it is tried again by itself. It is due on",
    )
    has(desk.timeline, "Twilio refused it.", "20429")
    has(desk.overview(), "Twilio finds us too fast, so we send more slowly:")
    desk.sandbox.clear_weather()
    wait_for(lambda: desk.is_now(delivery, "delivered"))
    desk.looks_for("7001", "Delivered")
    has(desk.timeline, "attempt 1", "attempt 2", "it arrived")
