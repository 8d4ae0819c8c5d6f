"""The console in a browser: find, read, act, be refused; small screen, no script, screen reader."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from smsapp import operators
from smsapp.extensions import db
from smsapp.models import Role
from tests import axe
from tests.browser.conftest import NUMBERS, sign_in
from tests.conftest import make_app, shipment
from tests.flows.test_one_text import get, post
from tests.system import System, wait_for

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery staple"
PEOPLE = {"olga": Role.OPERATOR, "sam": Role.SUPPORT}


@pytest.fixture(scope="module")
def people(shop: tuple[System, str]) -> None:
    """Olga may act, Sam may look."""
    app = make_app(**shop[0].environment)
    with app.app_context():
        for name, role in PEOPLE.items():
            operators.create(name, role, PASSWORD)
        db.engine.dispose()


@pytest.fixture
def console(
    open_window: Callable[..., Page], shop: tuple[System, str], people: None
) -> Callable[..., Page]:
    """Open the console for somebody."""

    def opens(name: str, **options: Any) -> Page:
        page = open_window(forgiving=True, base_url=shop[1], **options)
        page.goto("/console/")
        sign_in(page, name, PASSWORD)
        expect(page.get_by_role("heading", name="Find a text")).to_be_visible()
        return page

    return opens


class Sent:
    """A text that was sent for this test, to a number of its own."""

    def __init__(self, shop: tuple[System, str], state: str, **changes: Any) -> None:
        self.system, self.url = shop
        self.number = changes.pop("phone", None) or next(NUMBERS)
        self.order = changes.get("orderId", self.number[-4:])
        self.event = f"order-{self.order}-shipped"
        prefer = {"Prefer": "respond-async"}
        event = shipment(self.event, phone=self.number, **{"orderId": self.order} | changes)
        _, answer = post(self.url, self.system.key, event, **prefer)
        self.id = answer["deliveryId"]
        wait_for(lambda: self.now["status"] == state)
        self.sid = self.now["sid"]

    @property
    def now(self) -> dict[str, Any]:
        return get(self.url, self.system.key, f"/api/deliveries/{self.id}")


@pytest.fixture
def sent(shop: tuple[System, str]) -> Callable[..., Sent]:
    """Send a text and wait until it is in a state."""
    return lambda state="delivered", **changes: Sent(shop, state, **changes)


def look_for(page: Page, pasted: str) -> None:
    page.goto("/console/")
    page.get_by_role("main").get_by_role("textbox").fill(pasted)
    page.keyboard.press("Enter")


def picture(page: Page, name: str) -> None:
    """Keep a picture for a person to look at, where SCREENSHOTS names a folder."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_an_operator_sends_again_what_failed_and_stops_the_number(console, sent):
    text, page = sent("failed", phone="+15005550001"), console("olga")  # Twilio's bad number
    look_for(page, text.event)
    main = page.get_by_role("main")
    expect(main).to_contain_text("The recipient's phone number is not a valid one.")
    expect(main).to_contain_text("It cannot arrive twice")
    picture(page, "failed")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("status")).to_contain_text("It is waiting to be sent again.")
    wait_for(lambda: len(text.now["attempts"]) == 2)
    page.get_by_role("button", name="Opt the number out").click()
    expect(page.get_by_role("status")).to_contain_text("All texts to the number are stopped.")
    expect(main).to_contain_text("The number has opted out already.")
    page.get_by_role("link", name="Audit trail").click()
    expect(main).to_contain_text("olga sent a text again: was failed")


def places(text: Sent) -> dict[str, str]:
    """Return the console's pages, by the name of their picture; the number's is a link away."""
    return {
        "search": "/console/",
        "delivery": f"/console/deliveries/{text.id}",
        "order": f"/console/deliveries/{text.id}/subject",
        "inbox": "/console/inbox",
        "webhooks": "/console/webhooks",
        "audit": "/console/audit",
    }


def test_every_page_is_clean_and_fits_and_signing_out_closes_all(console, sent, shop):
    text = sent()
    shop[0].sandbox.text(text.number, "Where is my parcel? " + "verylongword" * 20)
    page = console("olga")

    def look(name: str) -> None:
        assert axe.faults(page) == []
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, "sticks out"
            picture(page, f"{name}-{width}")

    for name, place in places(text).items():
        page.goto(place)
        look(name)
    look_for(page, text.number)
    expect(page.get_by_role("heading", name="May we text it?")).to_be_visible()
    look("number")
    look_for(page, "nothing like it")
    expect(page.get_by_role("heading", name="Nothing was found")).to_be_visible()
    look("nothing")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_contain_text("You are signed out.")
    look("sign-in")
    page.goto("/console/inbox")
    expect(page).to_have_url("/console/sign-in?next=/console/inbox")
    sign_in(page, "olga", "wrong wrong wrong")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("Name and password do not fit")


def test_all_works_without_javascript(console, sent):
    text = sent("failed", phone="+15005550002")
    page = console("olga", java_script_enabled=False)
    look_for(page, text.event)
    page.get_by_text("Show the whole number").click()
    page.get_by_label("Why do you need it?").fill("to call the customer")
    page.get_by_role("button", name="Show it").click()
    expect(page.locator(".shown")).to_be_visible()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("status")).to_contain_text("It is waiting to be sent again.")
