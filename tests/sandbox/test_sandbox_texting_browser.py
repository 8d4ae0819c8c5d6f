"""Texting back and reading codes, in a real browser."""

import pytest
from playwright.sync_api import expect

from smsapp.sandbox import inbox
from tests.sandbox.desk import CUSTOMER, start
from tests.sandbox.desk_page import assert_fits, newest, tab_to

pytestmark = pytest.mark.browser

SHOWN = "+1 555-867-5310"


def test_a_code_appears_by_itself_and_is_announced(open_page, sandbox, verify):
    page = open_page()
    start(verify)
    code = sandbox.codes()[0]["code"]
    expect(newest(page)).to_contain_text("Verification code · Twilio Verify")
    expect(newest(page).locator(".bubble strong")).to_have_text(code)
    expect(page.get_by_role("status")).to_have_text(
        f"Text to {SHOWN}: Your Shop verification code is: {code}"
    )


def test_a_call_is_no_text(open_page, sandbox, verify):
    start(verify, channel="call")
    sandbox.settle()
    page = open_page()
    expect(newest(page)).to_contain_text("Phone call · Twilio Verify")
    expect(newest(page)).to_contain_text("Code read out")
    expect(newest(page)).not_to_contain_text("segment")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_customer_texts_back_and_goes_on_by_keyboard_alone(open_page, send, sandbox, javascript):
    send()
    sandbox.settle()
    page = open_page(java_script_enabled=javascript)
    page.get_by_role("link", name=SHOWN).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversations/1")
    for body in ("Where is it?", "Hello?"):
        if body == "Where is it?":
            page.get_by_label(f"Text the shop from {SHOWN}").focus()
        expect(page.locator("#reply")).to_be_focused()
        page.keyboard.type(body)
        page.keyboard.press("Enter")
        expect(newest(page).locator(".bubble")).to_have_text(body)
        expect(page.locator("#reply")).to_have_value("")
    assert [t.direction for t in sandbox.texts(CUSTOMER)][1:] == ["inbound"] * 2


def test_the_keyboard_reaches_reply_keywords_and_new_text(open_page, send, sandbox):
    send()
    sandbox.settle()
    page = open_page()
    for selector, text in (
        (".new-text summary", ""),
        (".words button", "STOP"),
        (".words button", "START"),
        (".words button", "HELP"),
        ("#reply", ""),
        (".write button", ""),
    ):
        tab_to(page, selector, text)


@pytest.mark.parametrize("javascript", [True, False])
def test_stop_and_start_are_one_press_and_shown(open_page, send, sandbox, javascript):
    send()
    sandbox.settle()
    page = open_page(java_script_enabled=javascript)
    page.get_by_role("button", name="STOP").press("Enter")
    expect(page.get_by_text("has opted out")).to_be_visible()
    expect(newest(page)).to_contain_text("Twilio’s own reply")
    expect(newest(page)).to_contain_text("You have successfully been unsubscribed.")
    assert sandbox.opted_out(CUSTOMER)
    page.get_by_role("button", name="START").press("Enter")
    expect(page.get_by_text("has opted out")).to_be_hidden()
    assert not sandbox.opted_out(CUSTOMER)


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_number_that_nobody_has_texted_can_text_first(open_page, sandbox, javascript, width):
    page = open_page(java_script_enabled=javascript, width=width)
    page.get_by_text("New text to the shop").click()
    page.get_by_label("From your number").fill("+44 7700 900123")
    page.get_by_label("Text", exact=True).fill("Are you open?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="+44 7700 900123")).to_be_visible()
    expect(newest(page)).to_contain_text("Are you open?")
    expect(page.locator("#reply")).to_be_focused()


def test_what_is_being_typed_survives_what_arrives(open_page, send, sandbox):
    send(body="one")
    sandbox.settle()
    page = open_page()
    page.locator("#reply").press_sequentially("Wher")
    send(body="two")
    expect(page.locator(".text")).to_have_count(2)
    expect(page.locator("#reply")).to_have_value("Wher")
    expect(page.locator("#reply")).to_be_focused()


def test_a_draft_never_goes_to_another_customer(open_page, send, sandbox):
    send(body="one")
    sandbox.settle()
    page = open_page()
    page.locator("#reply").press_sequentially("Where is it?")
    send(to="+447700900123", body="two")
    expect(page.locator(".people-list li")).to_have_count(2)
    expect(page.get_by_role("heading", name=SHOWN)).to_be_visible()
    page.keyboard.press("Enter")
    expect(newest(page)).to_contain_text("Where is it?")
    assert inbox.conversations(sandbox.desk)[0].number == CUSTOMER


def test_the_apps_reply_appears_and_a_failing_app_is_reported(open_page, shop, receiver):
    receiver.answers = [("text/xml", "<Response><Message>On its way</Message></Response>")]
    shop.text(CUSTOMER, "Where is it?")
    page = open_page(of=shop)
    expect(newest(page)).to_contain_text("The app’s reply")
    expect(newest(page).locator(".bubble")).to_have_text("On its way")
    receiver.answers = [500] * 6
    shop.text(CUSTOMER, "Hello?")
    expect(page.get_by_text("The app answered 500").first).to_be_visible()


def test_a_text_from_a_customer_is_announced_as_one(open_page, send, sandbox):
    send()
    page = open_page()
    sandbox.text(CUSTOMER, "Hello?")
    expect(page.get_by_role("status")).to_have_text(f"Text from {SHOWN}: Hello?")


def test_it_fits_a_phone(open_page, send, verify, sandbox):
    start(verify)
    start(verify, channel="call")
    sandbox.text(CUSTOMER, "Aaaaaah" * 30)
    sandbox.text(CUSTOMER, "STOP")
    sandbox.settle()
    page = open_page("/conversations/1", width=360, height=740)
    expect(page.locator("#reply")).to_be_in_viewport()
    assert_fits(page)
    page.get_by_role("link", name="All conversations").click()
    page.get_by_text("New text to the shop").click()
    assert_fits(page)
