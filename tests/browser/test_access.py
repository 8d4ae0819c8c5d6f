"""The pages for everyone: keyboard, small screen, no script, a screen reader, light and dark."""

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from smsapp.extensions import settings
from smsapp.phone import phone_key
from smsapp.recipients import mail_links
from tests import axe
from tests.browser.conftest import Customer
from tests.conftest import make_app

pytestmark = pytest.mark.browser

NARROW = {"width": 360, "height": 740, "has_touch": True, "is_mobile": True}

# Everything to press that is not a link within a sentence.
TARGETS = "button:not(.unseen), .button, .brand, .choice label, select, .field > input, li > a"
# Those of them that are shown, each with its words and its edges.
WHERE = """targets => targets.filter(target => target.checkVisibility()).map(target => {
    const {left, right, height} = target.getBoundingClientRect();
    return {text: target.innerText, left, right, height};
})"""


def unsubscribe_path(alice: Customer) -> str:
    """Return the path of the link that ends the customer's mails."""
    with make_app().app_context():
        key = phone_key(alice.number, settings().phone_key_bytes)
        return urlsplit(mail_links.unsubscribe_url(key)).path


def on_every_page(alice: Customer, look: Callable[[Page], None]) -> None:
    """Go through all pages and states, and look at each."""

    page = alice.page

    def goes_to(path: str) -> Callable[[], object]:
        return lambda: page.goto(path)

    def presses(button: str) -> Callable[[], object]:
        return lambda: alice.presses(button)

    def is_asked_about(number: str) -> Callable[[], object]:
        def asks() -> None:
            page.goto("/")
            page.get_by_label("Mobile number").fill(number)
            alice.presses("Send the code")

        return asks

    def is_stopped_by_text() -> None:
        for word in ("START", "STOP"):
            alice.sandbox.text(alice.number, word)
        alice.sandbox.settle()
        page.goto("/preferences")

    for step in (
        goes_to("/nowhere"),
        goes_to("/"),
        presses("Send the code"),
        is_asked_about("+1 555 867 5310"),
        is_asked_about("+44 20 7946 0018"),
        lambda: alice.asks_for_code("Support"),
        lambda: alice.enters("000000" if alice.code != "000000" else "111111"),
        presses("Send a new code"),
        presses("Call me instead"),
        lambda: alice.enters(alice.code),
        presses("Turn off support"),
        lambda: alice.gives_address("ann"),
        alice.gives_address,
        lambda: page.goto(alice.link_in_mail()),
        presses("Yes, this is my address"),
        lambda: page.goto(alice.link_in_mail()),
        goes_to("/preferences"),
        presses("No e-mails"),
        lambda: page.goto(unsubscribe_path(alice)),
        presses("No more e-mails"),
        goes_to("/preferences"),
        presses("Stop all texts"),
        is_stopped_by_text,
        goes_to("/preferences/erase"),
        presses("Erase me"),
        goes_to("/preferences"),
    ):
        step()
        look(page)


def test_every_page_is_clean_and_fits_a_phone_and_all_can_be_hit(customer):
    def look(page: Page) -> None:
        assert axe.faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        for target in page.locator(TARGETS).evaluate_all(WHERE):
            assert target["height"] >= 44, target
            assert target["left"] >= 0, target
            assert target["right"] <= 360, target

    on_every_page(customer(**NARROW), look)


def test_the_way_in_takes_the_keyboard_alone(customer):
    alice = customer()
    keys, page = alice.page.keyboard, alice.page
    page.goto("/")
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_in_viewport()
    keys.press("Enter")
    reach(page.get_by_label("Country"))
    keys.type("United K")
    keys.press("Tab")
    expect(page.get_by_label("Mobile number")).to_be_focused()
    expect(page.get_by_text("For example, 07400 123456")).to_be_visible()
    keys.type(alice.number)
    keys.press("Tab")
    keys.press("Space")
    expect(page.get_by_label("Order updates")).to_be_checked()
    keys.press("Enter")  # in a form it sends
    expect(page).to_have_url("/verify")
    reach(page.get_by_role("textbox", name="Code"))
    keys.type(alice.code)
    keys.press("Enter")
    expect(page).to_have_url("/preferences")
    reach(page.get_by_role("button", name="Turn off order updates"))
    keys.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("You get no more order updates by text.")


def reach(target: Locator) -> None:
    """Press Tab until the target is focused, and can be seen to be."""
    for _ in range(20):
        target.page.keyboard.press("Tab")
        if target.evaluate("e => e === document.activeElement"):
            assert target.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
            return
    raise AssertionError("Tab does not lead there")


def test_after_a_fault_the_summary_has_the_focus_and_leads_to_the_field(customer):
    alice = customer()
    alice.page.goto("/")
    alice.presses("Send the code")
    expect(alice.page.get_by_role("alert")).to_be_focused()
    expect(alice.page).to_have_title("Error: Choose what we text you about – Corner Books")
    alice.page.keyboard.press("Tab")
    alice.page.keyboard.press("Enter")
    expect(alice.page.get_by_label("Mobile number")).to_be_focused()


def test_a_question_has_the_focus_and_its_answer_goes_on_or_back(customer):
    alice = customer()
    page = alice.page
    page.goto("/")
    page.get_by_label("Mobile number").fill("+1 555 867 5310")
    alice.presses("Send the code")
    expect(page.get_by_role("alert", name="Is this right?")).to_be_focused()
    page.get_by_role("link", name="Change it").click()
    expect(page.get_by_label("Mobile number")).to_be_focused()
    alice.presses("Yes, send the code")
    expect(page).to_have_url("/verify")
    expect(page.get_by_text("+1 555-867-5310")).to_be_visible()
    alice.presses("Change number")
    expect(page.get_by_label("Mobile number")).to_have_value("+1 555-867-5310")


def test_times_are_the_readers_own(customer):
    alice = customer(timezone_id="Asia/Tokyo")
    alice.signs_in("Support")
    time = alice.page.locator("time[data-local]").first
    exact = datetime.fromisoformat(time.get_attribute("datetime") or "")
    tokyo = exact.astimezone(ZoneInfo("Asia/Tokyo"))
    expect(time).to_have_text(f"{tokyo.day} {tokyo:%B %Y at %H:%M}")


def test_all_works_without_javascript(customer):
    alice = customer(java_script_enabled=False)
    page = alice.page
    page.goto("/")
    page.get_by_label("Country").select_option("AU")
    page.get_by_label("Mobile number").fill("0412")
    alice.presses("Change country")
    expect(page.get_by_text("For example, 0412 345 678")).to_be_visible()
    expect(page.get_by_label("Mobile number")).to_have_value("0412")
    page.get_by_label("Mobile number").fill(alice.number)
    page.get_by_label("Mobile number").press("Enter")  # sends, and changes no country
    expect(page).to_have_url("/verify")
    alice.presses("Send a new code")
    alice.presses("Call me instead")
    assert page.locator("[data-waiting]").inner_text() == (
        "You can ask for a new code in 10 minutes. Then load this page again."
    )
    expect(page.get_by_role("button", name="Send a new code")).to_be_hidden()
    alice.enters(alice.code)
    alice.presses("I agree to support")
    expect(page.get_by_role("status")).to_contain_text("You have agreed to support.")
    alice.presses("Stop all texts")
    page.goto("/preferences/erase")
    alice.presses("Erase me")
    expect(page.get_by_role("heading", name="You are erased")).to_be_visible()


def test_with_javascript_the_wait_counts_down_and_ends_in_the_button(customer):
    alice = customer()
    alice.page.clock.install()
    alice.asks_for_code()
    alice.presses("Send a new code")
    alice.presses("Call me instead")
    expect(alice.page.get_by_text("You can ask for a new code in 10 minutes.")).to_be_visible()
    alice.page.clock.run_for("05:00")
    expect(alice.page.get_by_text("You can ask for a new code in 5 minutes.")).to_be_visible()
    alice.page.clock.run_for("05:10")
    expect(alice.page.get_by_role("button", name="Send a new code")).to_be_visible()


def test_with_javascript_the_example_follows_the_country(customer):
    page = customer(locale="en-GB").page
    page.goto("/")
    expect(page.get_by_text("For example, 07400 123456")).to_be_visible()
    page.get_by_label("Country").select_option("AU")
    expect(page.get_by_text("For example, 0412 345 678")).to_be_visible()
    expect(page.get_by_role("button", name="Change country")).to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "heading"),
    [
        ("de-DE", "Wählen Sie, wozu wir Ihnen SMS schicken"),
        ("ko-KR", "받으실 문자를 선택해 주세요"),
    ],
)
def test_in_another_language_the_first_page_is_as_good(customer, locale, heading):
    page = customer(locale=locale, **NARROW).page
    page.goto("/")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    assert axe.faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", name="Choose what we text you about")).to_be_visible()


def test_with_javascript_times_and_waits_are_said_in_the_language_too(customer):
    alice = customer(locale="de-DE", timezone_id="Asia/Tokyo")
    page = alice.page
    page.goto("/")
    page.get_by_label("Handynummer").fill(alice.number)
    page.get_by_label("Support").check()
    alice.presses("Code senden")
    alice.presses("Neuen Code senden")
    alice.presses("Lieber anrufen lassen")
    expect(page.get_by_text("Sie können in 10 Minuten einen neuen Code anfordern.")).to_be_visible()
    page.get_by_role("textbox", name="Code").fill(alice.code)
    alice.presses("Code prüfen")
    time = page.locator("time[data-local]").first
    exact = datetime.fromisoformat(time.get_attribute("datetime") or "")
    tokyo = exact.astimezone(ZoneInfo("Asia/Tokyo"))
    expect(time).to_have_text(re.compile(rf"^{tokyo.day}\. \w+ {tokyo.year} um {tokyo:%H:%M}$"))
