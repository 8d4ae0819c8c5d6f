"""The phone page in a real browser."""

import json

import pytest
from playwright.sync_api import expect

from smsapp.sandbox.testing import running
from smsapp.sandbox.whatsapp.templates import ready_sid
from tests.sandbox.desk import CUSTOMER, ON_WHATSAPP, SHOP, WHATSAPP_SHOP
from tests.sandbox.desk_page import HASTE, assert_fits, axe_faults, newest, tab_to

pytestmark = pytest.mark.browser


def test_a_text_and_its_statuses_appear_by_themselves_and_are_announced(open_page, send, sandbox):
    page = open_page()
    expect(page.get_by_text("No texts yet")).to_be_visible()
    send(body="Your order 1001 has shipped.")
    expect(newest(page).locator(".bubble")).to_have_text("Your order 1001 has shipped.")
    expect(newest(page).locator(".mark")).to_contain_text("Delivered")
    expect(newest(page)).to_contain_text("1 segment")
    expect(page.get_by_role("status")).to_have_text(
        "Text to +1 555-867-5310: Your order 1001 has shipped."
    )


def test_what_is_open_and_focused_stays_so_when_a_text_arrives(open_page, send, sandbox):
    send(body="one")
    sandbox.settle()
    page = open_page()
    summary = newest(page).locator("summary")
    summary.focus()
    page.keyboard.press("Enter")
    send(body="two")
    expect(page.locator(".text")).to_have_count(2)
    expect(page.locator(".past[open]")).to_have_count(1)
    assert page.evaluate("document.activeElement.closest('.text').innerText").startswith("one")


def test_everything_can_be_done_by_keyboard(open_page, send, sandbox):
    send(to="+14155552671", body="first")
    send(to="+447700900123", body="second")
    sandbox.settle()
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the texts")).to_be_focused()
    tab_to(page, "a[href*='/conversations/']", "first")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="+1 415-555-2671")).to_be_visible()
    tab_to(page, "input[name=latency_ms]")
    page.keyboard.type("250")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Rough weather")).to_be_visible()
    expect(page.get_by_role("heading", name="+1 415-555-2671")).to_be_visible()
    assert sandbox.weather()["latency_ms"] == 250
    tab_to(page, "button", "Clear weather")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Calm weather")).to_be_visible()
    tab_to(page, "button", "Clear all conversations")
    page.keyboard.press("Space")
    expect(page.get_by_text("No texts yet")).to_be_visible()


def test_weather_that_is_set_elsewhere_is_said_at_once(open_page, sandbox):
    page = open_page()
    expect(page.get_by_text("Now it is calm")).to_be_visible()
    sandbox.weather(lost_receipts=10)
    expect(page.get_by_text("Receipts: Lost, 10 %")).to_be_visible()
    page.get_by_role("button", name="Twilio is away").click()
    expect(page.get_by_text("Sending: Unavailable, 100 %")).to_be_visible()
    assert sandbox.weather()["lost_receipts"] == 0


def test_it_works_without_javascript(open_page, send, sandbox):
    page = open_page(java_script_enabled=False)
    send(body="Hello")
    sandbox.settle()
    page.reload()
    expect(newest(page)).to_contain_text("Hello")
    page.get_by_role("link", name="+1 555-867-5310").click()
    newest(page).locator("summary").click()
    expect(newest(page).get_by_text("Queued")).to_be_visible()
    page.get_by_label("Credentials refused").check()
    page.get_by_label("Carrier error").select_option("30003")
    page.get_by_role("button", name="Set weather").click()
    expect(page.get_by_text("Rough weather")).to_be_visible()
    assert sandbox.weather()["credentials_refused"] is True
    assert sandbox.weather()["carrier_error"] == 30003
    page.get_by_role("button", name="Clear all conversations").click()
    expect(page.get_by_text("No texts yet")).to_be_visible()


def test_the_newest_of_many_texts_is_in_sight(open_page, send, sandbox):
    for i in range(30):
        send(body=f"Text {i}")
    sandbox.settle()
    for options in ({"java_script_enabled": False}, {}):
        expect(newest(open_page(**options))).to_be_in_viewport()


def test_with_many_conversations_the_page_stays_where_it_is_when_one_replies(
    open_page, send, sandbox
):
    for last in range(20):
        send(to=f"+155586753{last:02}")
    sandbox.settle()
    page = open_page()
    page.locator("#reply").fill("Where is it?")
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversations/*")
    expect(page.locator("#reply")).to_be_focused()
    assert page.evaluate("[scrollY, document.documentElement.scrollHeight - innerHeight]") == [0, 0]


def test_a_phone_shows_one_thing_at_a_time_without_scrolling_sideways(open_page, send, sandbox):
    long_link = "https://track.example/" + "1Z999AA1" * 20
    send(body=f"Your order has shipped. {long_link}")
    send(to="+14155552671", body="Hello")
    sandbox.settle()
    page = open_page(width=360, height=740)
    expect(page.locator("#thread")).to_be_hidden()
    assert_fits(page)
    page.get_by_role("link", name="+1 555-867-5310").click()
    expect(page.locator("#thread")).to_be_visible()
    newest(page).locator("summary").click()
    assert_fits(page)
    page.get_by_role("link", name="All conversations").click()
    expect(page.locator("#people")).to_be_visible()
    expect(page.locator("#weather")).to_be_visible()


def test_axe_finds_nothing(open_page, send, verify, sandbox):
    faults = axe_faults(open_page())
    sandbox.weather(carrier_error=30007)
    send(body="Never arrives")
    sandbox.weather(carrier_error=0, latency_ms=10)
    verify.verifications.create(to="+15558675310", channel="sms")
    verify.verifications.create(to="+15558675310", channel="call")
    sandbox.text("+15558675310", "STOP")
    sandbox.text("+15558675310", "Hello?")
    send(to="+447700900123", body="Arrives")
    sandbox.settle()
    for path in ("/", "/conversations/1"):
        page = open_page(path)
        for summary in page.locator("summary").all():
            if summary.is_visible():
                summary.click()
        faults += axe_faults(page)
    assert faults == []


def test_whatsapp_is_told_apart_read_and_answered_by_keyboard(open_page, client, send, sandbox):
    send()
    variables = json.dumps({"1": "Fri, Dec 4, 14:00", "2": "Main Street 1"})
    client.messages.create(
        to=ON_WHATSAPP,
        from_=WHATSAPP_SHOP,
        content_sid=ready_sid("appointment_reminder", "en"),
        content_variables=variables,
    )
    sandbox.settle()
    page = open_page()
    expect(page.locator(".people-list .channel")).to_have_text(["WhatsApp", "Text"])
    tab_to(page, "a[href*='/conversations/']", "WhatsApp")
    page.keyboard.press("Enter")
    expect(newest(page).locator(".mark")).to_contain_text("Read")
    expect(page.get_by_text("Window closed")).to_be_visible()
    tab_to(page, ".presses button", "Confirm")
    page.keyboard.press("Enter")
    expect(newest(page).locator(".bubble")).to_have_text("Confirm")
    expect(page.get_by_text("Window open until")).to_be_visible()
    for name in ("Voice note", "Location", "Picture"):
        page.get_by_role("button", name=name).press("Enter")
    expect(page.get_by_alt_text("A parcel in a picture")).to_be_visible()
    sid = sandbox.text(ON_WHATSAPP, "Where can I park?")
    client.messaging.v2.typing_indicator.create(channel="whatsapp", message_id=sid)
    expect(page.get_by_text("The shop is typing")).to_be_visible()
    page.reload()  # what has just arrived fades in
    faults = axe_faults(page)
    page.set_viewport_size({"width": 360, "height": 740})
    assert_fits(page)
    page.goto(f"{sandbox.url}/templates")
    faults += axe_faults(page)
    page.set_viewport_size({"width": 360, "height": 740})
    assert_fits(page)
    assert faults == []


def test_a_hidden_page_does_not_ask(open_page, sandbox):
    page = open_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    page.wait_for_timeout(200)
    asked.clear()
    page.wait_for_timeout(300)
    assert asked == []


def test_it_goes_on_after_the_sandbox_was_restarted(open_window, connect, config):
    page = open_window(forgiving=True)
    page.add_init_script(HASTE)
    with running(config) as first:
        page.goto(first.url)
        port = int(first.url.rsplit(":", 1)[1])
    page.wait_for_timeout(200)
    with running(config, port=port) as second:
        connect(second).messages.create(to=CUSTOMER, from_=SHOP, body="Back again")
        expect(newest(page)).to_contain_text("Back again")
        page.close()
