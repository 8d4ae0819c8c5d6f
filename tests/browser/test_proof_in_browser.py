"""The one more step before a code, as a browser does it; without scripts, as a person waits."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from sqlalchemy import insert

from smsapp import clock
from smsapp.extensions import new_id
from smsapp.models import Channel, Phone, Verification
from tests.browser.conftest import Customer

pytestmark = pytest.mark.browser

# Numbers of another country, so that nobody else's prefix is suspicious.
NUMBER = "+447911123456"


@pytest.fixture
def customer(customer: Callable[..., Customer], shop: Any) -> Callable[..., Customer]:
    """Open a window for somebody to whose prefix many codes were sent and not entered."""
    system, _ = shop
    at = clock.now()
    key = f"{new_id().hex}".ljust(64, "0")
    row = {"phone_key": key, "prefix": "+44791", "channel": Channel.SMS, "network": "a fraudster's"}
    rows = [row | {"id": new_id(), "checks": 0, "started_at": at} for _ in range(20)]
    with system.engine.begin() as conn:
        conn.execute(insert(Phone).values(phone_key=key, country="GB", created_at=at))
        conn.execute(insert(Verification), rows)

    def opens(**options: Any) -> Customer:
        found = customer(**options)
        found.number = NUMBER
        return found

    return opens


def asks(alice: Customer) -> None:
    alice.page.goto("/")
    alice.page.get_by_label("Mobile number").fill(NUMBER)
    alice.presses("Send the code")


def test_the_browser_does_the_sum_and_goes_on_by_itself(customer):
    alice = customer()
    asks(alice)
    expect(alice.page).to_have_url("/verify")
    alice.enters(alice.code)
    expect(alice.page).to_have_url("/preferences")


def test_without_scripts_the_page_says_how_to_go_on_to_everyone(customer):
    alice = customer(width=320, height=640)
    alice.page.route("**/proof.js", lambda route: route.abort())
    asks(alice)
    expect(alice.page.get_by_role("heading", name="One more step")).to_be_visible()
    expect(alice.page.get_by_text("you can go on in 1 minute")).to_be_visible()
    assert Axe().run(alice.page).violations_count == 0
    assert alice.page.evaluate("document.documentElement.scrollWidth") == 320
    alice.presses("I have waited")
    expect(alice.page.get_by_text(" seconds.")).to_be_visible()
