"""The customers' pages: every branch, with a Verify that does as it is told."""

import html
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, update
from time_machine import travel

from smsapp import clock
from smsapp.delivery import stopping
from smsapp.errors import BY_STATUS, Bug, DatabaseAway
from smsapp.extensions import db
from smsapp.languages import ENGLISH
from smsapp.models import (
    Channel,
    Consent,
    Delivery,
    OptOut,
    OptOutSource,
    Phone,
    Verification,
    Wording,
)
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from smsapp.providers.verify import Checked
from smsapp.recipients import customers, purposes
from smsapp.recipients.customers import Visitor
from smsapp.web import wording
from smsapp.web.pages import forms, sign_up
from tests.conftest import (
    ALICE,
    BOB,
    ENVIRONMENT,
    KEY,
    Rows,
    Service,
    change,
    on_one_database,
    opt_out,
    run_worker,
    settings_of,
)
from tests.fake_verify import CODE, VERIFY, FakeVerify

# What a page says does not hang on the database; what it asks of that is tried in its own tests.
pytestmark = on_one_database
# What people are asked where there is no WhatsApp.
ASKED = [name for name in purposes.PURPOSES if name not in purposes.WAYS]

# One that Britain gives to mobiles, and one that London has.
MOBILE, LANDLINE = "+447400123456", "+442079460018"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@dataclass
class Person:
    """Somebody with a browser."""

    client: FlaskClient
    number: str = ALICE

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=BROWSER | headers, base_url="https://sms.example.com")

    def token(self, path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).text)
        assert found, path
        return found[1]

    def post(self, path: str, on: str | None = None, **fields: Any) -> Any:
        """Post a form of the page `on`, by default the one at `path`."""
        token = self.token(on or path)
        return self.post_blindly(path, csrf_token=token, **fields)

    def post_blindly(self, path: str, **fields: Any) -> Any:
        return self.client.post(
            path, data=fields, headers=BROWSER, base_url="https://sms.example.com"
        )

    def asks_for_code(self, *purposes: str, **fields: Any) -> Any:
        fields = {"phone": self.number, "country": "US", "purpose": list(purposes)} | fields
        # Nobody has a number of the cast, so they are asked, and are sure.
        return self.post("/", **{"sure": fields["phone"]} | fields)

    def enters(self, code: str = CODE) -> Any:
        return self.post("/verify", code=code)

    def signs_in(self, *purposes: str) -> Any:
        assert self.asks_for_code(*purposes).status_code == 303
        answer = self.enters()
        assert answer.location == "/preferences"
        return answer

    @property
    def cookie(self) -> str:
        cookie = self.client.get_cookie("__Host-session", "sms.example.com")
        return cookie.value if cookie else ""

    @cookie.setter
    def cookie(self, value: str) -> None:
        self.client.set_cookie("__Host-session", value, domain="sms.example.com")

    def session(self) -> dict[str, Any]:
        with self.client.session_transaction(base_url="https://sms.example.com") as session:
            return dict(session)


@pytest.fixture
def alice(app: Flask, verify: FakeVerify) -> Person:
    return Person(app.test_client())


@pytest.fixture
def bob(app: Flask, verify: FakeVerify) -> Person:
    return Person(app.test_client(), BOB)


def said(answer: Any) -> str:
    """Return a page's words, without its tags."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", answer.text.partition("<body>")[2]))
    return " ".join(text.split())


def title(answer: Any) -> str:
    found = re.search(r"<title>(.*)</title>", answer.text)
    assert found
    return html.unescape(found[1])


def ledger(rows: Rows) -> list[tuple[str, str]]:
    return [(row.purpose, row.action) for row in sorted(rows.all(Consent), key=lambda r: r.seq)]


def refused_but(*chosen: str) -> list[tuple[str, str]]:
    """What the ledger says of the purposes that are left out when these are chosen."""
    return [(name, "withdrawn") for name in ASKED if name not in chosen]


# The number and the purposes


def test_each_purpose_is_shown_in_its_exact_words_and_none_is_ticked(alice, app):
    with settings_of(app, SHOP_NAME="Rudy’s & Sons", **VERIFY):
        page = alice.get("/")
        with app.app_context():
            for purpose in purposes.shown(ENGLISH):
                assert purpose.words.text in said(page)
                assert "Rudy’s & Sons" in purpose.words.text
    assert page.text.count('type="checkbox"') == len(ASKED)
    assert " checked" not in page.text
    assert "Rudy’s & Sons" in title(page)


@on_one_database
@pytest.mark.parametrize(
    ("typed", "country", "e164"),
    [
        ("(202) 555-0123", "US", ALICE),
        ("07400 123456", "GB", MOBILE),
        ("+44 7400 123456", "US", MOBILE),
        ("0044 7400 123456", "US", MOBILE),
        ("٠٠٤٤ ٧٤٠٠ ١٢٣٤٥٦", "US", MOBILE),
        ("1 55 1234 5678", "MX", "+525512345678"),
        ("11 15 2345-6789", "AR", "+5491123456789"),
        ("11 2345-6789", "AR", "+5491123456789"),
        ("  +1.202.555.0123 ", "GB", ALICE),
        ("٢٠٢٥٥٥٠١٢٣", "US", ALICE),
    ],
)
def test_a_number_is_read_in_its_country_or_as_international(alice, verify, typed, country, e164):
    answer = alice.post("/", phone=typed, country=country)
    assert (answer.status_code, answer.location) == (303, "/verify")
    assert verify.sent == [(e164, "sms")]


@on_one_database
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Enter your mobile number"),
        ("none", "Enter a mobile number, like 07400 123456"),
        ("555 01", "too few digits"),
        ("07700 900123 07700 900123", "too many digits"),
        ("+999 123456", "No country has that code"),
        ("07400 123456 x55", "Leave out the extension"),
        ("09012 345678", "a premium-rate number, which we send no codes to"),
        ("+\0", "Enter a mobile number"),
    ],
)
def test_a_number_that_cannot_be_one_is_refused_in_words_and_all_else_is_kept(
    alice, verify, typed, sentence
):
    page = alice.post("/", phone=typed, country="GB", purpose=["support"])
    assert page.status_code == 400
    assert title(page).startswith("Error: ")
    assert said(page).count(sentence) == 2  # in the summary, and beside the field
    assert 'href="#phone"' in page.text
    assert 'aria-describedby="phone-hint phone-fault" aria-invalid=true' in page.text
    assert re.search(r'value="GB" [^>]* selected', page.text)
    assert re.findall(r'value="(\w+)" checked', page.text) == ["support"]
    assert verify.sent == []


def test_the_country_is_guessed_from_the_browser(alice):
    page = alice.get("/", **{"Accept-Language": "en-GB-oxendict"})
    assert re.findall(r'value="(\w+)"[^>]* selected', page.text) == ["GB"]


@on_one_database
def test_a_number_that_its_country_does_not_have_is_asked_about_once(alice, verify):
    page = alice.post("/", phone="07700 900123", country="GB", purpose=["support"])
    assert page.status_code == 200
    assert title(page).startswith("Is this right?")
    assert "+44 7700 900123 is not like the numbers of its country that we know." in said(page)
    assert re.findall(r'value="(\w+)" checked', page.text) == ["support"]
    assert verify.sent == []
    assert f'name="sure" value="{BOB}"' in page.text
    other = alice.post("/", phone="07700 900124", country="GB", sure=BOB)
    assert "+44 7700 900124 is not like" in said(other), "who is sure of one is not of another"
    assert alice.post("/", phone="07700 900123", country="GB", sure=BOB).location == "/verify"
    assert verify.sent == [(BOB, "sms")]


@on_one_database
def test_a_landline_is_told_so_before_a_code_is_spent_and_may_be_called(alice, verify):
    page = alice.post("/", phone="020 7946 0018", country="GB")
    assert "a text cannot reach a landline. We can call it with the code" in said(page)
    assert verify.sent == []
    assert alice.post("/", phone="020 7946 0018", country="GB", channel="call").status_code == 303
    assert verify.sent == [(LANDLINE, "call")]


@on_one_database
def test_who_knows_better_than_the_numbering_plan_is_texted(alice, verify):
    answer = alice.post("/", phone="020 7946 0018", country="GB", sure=LANDLINE)
    assert answer.location == "/verify"
    assert verify.sent == [(LANDLINE, "sms")]


@on_one_database
def test_where_there_are_no_calls_none_is_offered_or_made(alice, verify, monkeypatch):
    monkeypatch.setattr(forms, "offers", lambda: frozenset({Channel.SMS}))
    pages = [alice.get("/"), alice.post("/", phone="020 7946 0018", country="GB")]
    assert alice.asks_for_code(channel="call").location == "/verify"
    assert verify.sent == [(ALICE, "sms")]
    pages.append(alice.get("/verify"))
    verify.start_answers.append(Refused(403, 60205, None))
    pages.append(alice.asks_for_code())
    assert "it is a landline. Enter a mobile number" in said(pages[-1])
    assert not any("call" in said(page).lower() for page in pages)


def test_another_country_shows_its_example_and_keeps_the_form(alice, verify):
    page = alice.post("/", phone="0412", country="AU", purpose=["support"], edit="1")
    assert page.status_code == 200
    assert "For example, 0412 345 678" in said(page)
    assert 'value="0412"' in page.text
    assert re.findall(r'value="(\w+)" checked', page.text) == ["support"]
    assert verify.sent == []


def test_what_is_typed_is_shown_as_text(alice):
    script = '"><script>alert(1)</script>'
    page = alice.post("/", phone=script, country=script, purpose=[script])
    assert page.status_code == 400
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


CANNOT_SEND = [
    (Refused(403, 60205, None), 422, "it is a landline"),
    (Refused(403, 60410, None), 403, "cannot send codes to this number"),
    (Refused(403, 60605, None), 403, "cannot send codes to this number"),
    (Refused(400, 60200, None), 400, "This number is not in use"),
    (Refused(429, 60203, 120), 429, "You can ask for one in 2 minutes"),
    (Refused(429, 60212, None), 429, "We cannot send another code yet"),
    (Refused(429, 20429, 5), 429, "You can ask for one in 5 seconds"),
    (Refused(401, 20003, None), 503, "Codes cannot be sent this way. Please tell the shop"),
    (Refused(400, 60223, None), 503, "Codes cannot be sent this way. Please tell the shop"),
    (Refused(400, 21608, None), 503, "Codes cannot be sent this way. Please tell the shop"),
    (Refused(400, 60006, None), 400, "This number is not in use"),
    (Unknown("server_error", 503, 20503), 503, "We cannot send codes just now"),
    (Refused(404, 20404, None), 503, "Codes cannot be sent here yet. Please tell the shop"),
    (Unwritten("dns"), 503, "We cannot send codes just now. It is not your fault"),
    (Unknown("timeout", None, None), 503, "We cannot send codes just now. It is not your fault"),
]


@on_one_database
@pytest.mark.parametrize(("outcome", "status", "sentence"), CANNOT_SEND)
def test_each_reason_that_no_code_is_sent_has_its_own_sentence(
    alice, verify, outcome, status, sentence
):
    verify.start_answers.append(outcome)
    page = alice.asks_for_code("support")
    assert (page.status_code, title(page).startswith("Error: ")) == (status, True)
    assert sentence in said(page)
    assert f'value="{ALICE}"' in page.text
    assert "TWILIO" not in page.text
    assert alice.get("/verify").location == "/"


def test_a_landline_that_only_twilio_knows_is_offered_a_call(alice, verify):
    verify.start_answers.append(Refused(403, 60205, None))
    assert "Call me with the code" in said(alice.asks_for_code())
    assert alice.asks_for_code(channel="call").location == "/verify"
    assert verify.sent == [(ALICE, "call")]
    assert "We are calling" in said(alice.get("/verify"))


def test_a_country_that_is_not_served_is_said_in_words(alice, app, verify):
    with settings_of(app, **VERIFY, VERIFY_COUNTRIES="US"):
        page = alice.asks_for_code(phone=BOB)
        assert page.status_code == 403
        assert "We send no codes to numbers of that country" in said(page)
        assert alice.asks_for_code().status_code == 303
    assert verify.sent == [(ALICE, "sms")]


def test_where_calls_are_not_offered_whoever_asks_for_one_is_sent_a_text(alice, app, verify):
    with settings_of(app, **VERIFY, VERIFY_CALLS="false"):
        alice.asks_for_code(channel="call")
        alice.post("/verify/send", on="/verify", channel="call")
    assert [channel for _, channel in verify.sent] == ["sms", "sms"]


@on_one_database
def test_a_code_comes_on_whatsapp_where_the_service_has_that(alice, app, verify):
    assert "WhatsApp" not in said(alice.get("/"))
    alice.asks_for_code(channel="whatsapp")
    with settings_of(app, **VERIFY, VERIFY_COUNTRIES="all", VERIFY_WHATSAPP="true"):
        assert "Send it on WhatsApp" in said(alice.get("/"))
        assert "Send it on WhatsApp instead" in said(alice.get("/verify"))
        alice.post("/verify/send", on="/verify", channel="whatsapp")
        page = said(alice.get("/verify"))
        assert "We have sent a code on WhatsApp to" in page
        assert "Send it by text instead" in page
        assert alice.enters().location == "/preferences"
    assert [channel for _, channel in verify.sent] == ["sms", "whatsapp"]


def test_a_spent_budget_is_not_the_customers_fault_and_says_when_there_is_more(app, verify):
    with settings_of(app, **VERIFY, VERIFY_BUDGET_PER_HOUR="1"):
        Person(app.test_client(), BOB).asks_for_code()
        page = Person(app.test_client()).asks_for_code("support")
    assert page.status_code == 503
    assert 3500 < int(page.headers["Retry-After"]) <= 3601
    assert "sent all the codes that we can for now. It is not your fault" in said(page)
    assert re.findall(r'value="(\w+)" checked', page.text) == ["support"]


def test_a_shop_without_verify_says_so(alice, app):
    with settings_of(app):
        page = alice.asks_for_code()
    assert page.status_code == 503
    assert "Codes cannot be sent here yet" in said(page)


def test_the_fourth_code_in_ten_minutes_is_refused_and_says_until_when(alice, verify):
    for _ in range(3):
        assert alice.asks_for_code().status_code == 303
    page = alice.asks_for_code()
    assert page.status_code == 429
    assert "You can ask for one in 10 minutes" in said(page)
    assert 500 < int(page.headers["Retry-After"]) <= 600
    assert len(verify.sent) == 3
    assert alice.asks_for_code(phone=BOB).status_code == 303, "another number has its own"


def test_codes_are_limited_by_address(app, verify):
    with settings_of(app, VERIFY_RATE_LIMIT="2/hour", **VERIFY):
        for last in range(2):
            person = Person(app.test_client(), f"+120255501{last:02}")
            assert person.asks_for_code().status_code == 303
        page = Person(app.test_client(), BOB).asks_for_code()
    assert page.status_code == 429
    assert re.search(r"You can ask for one in \d+ (minute|second)s?", said(page))
    assert page.headers["Retry-After"]
    assert len(verify.sent) == 2


def test_the_addresses_of_one_household_count_as_one(app, verify):
    def asks(address: str, number: str) -> int:
        person = Person(app.test_client(), number)
        person.client.environ_base["REMOTE_ADDR"] = address
        return int(person.asks_for_code().status_code)

    with settings_of(app, VERIFY_RATE_LIMIT="1/hour", **VERIFY):
        assert asks("2001:db8::1", ALICE) == 303
        assert asks("2001:db8:0:1::2", BOB) == 429
        assert asks("2001:db8:1::1", BOB) == 303


@pytest.mark.parametrize("shown", ["203.0.113.7:54321", "[2001:db8::1]:443", "unknown"])
def test_a_proxy_that_names_a_port_or_nobody_locks_nobody_out(alice, verify, shown):
    alice.client.environ_base["REMOTE_ADDR"] = shown
    alice.signs_in("order_updates")
    assert alice.get("/preferences").status_code == 200


def test_codes_are_limited_by_session_and_the_form_is_kept(alice, verify):
    for last in range(6):
        assert alice.asks_for_code(phone=f"+120255501{last:02}").status_code == 303
    page = alice.asks_for_code("support", phone="07400 123456", country="GB")
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) > 0
    assert "We cannot send another code yet. You can ask for one in" in said(page)
    assert 'value="07400 123456"' in page.text
    assert re.search(r'value="GB" [^>]* selected', page.text)
    assert re.findall(r'value="(\w+)" checked', page.text) == ["support"]
    again = alice.post("/verify/send", on="/verify", channel="sms")
    assert again.location == "/verify", "the code that is on its way can still be entered"
    assert "We cannot send another code yet" in said(alice.get("/verify"))
    assert len(verify.sent) == 6


def test_checks_are_limited_by_session(alice, verify):
    alice.asks_for_code()
    for _ in range(30):
        verify.checks.clear()
        with alice.client.application.app_context(), db.engine.begin() as conn:
            conn.execute(update(Verification).values(checks=0, session_checks=0))
        assert alice.enters("000000").status_code == 400
    page = alice.enters("000000")
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) > 0
    assert "That was too often. You can go on in" in said(page)
    assert 'value="000000"' in page.text


def test_a_known_number_is_answered_like_an_unknown_one(alice, bob, app):
    alice.signs_in("order_updates")
    opt_out(app, ALICE)
    stranger = Person(app.test_client(), ALICE)
    first, second = stranger.asks_for_code(), bob.asks_for_code()
    assert (first.status_code, first.location) == (second.status_code, second.location)
    one, other = said(stranger.get("/verify")), said(bob.get("/verify"))
    assert one.replace("+1 202-555-0123", "") == other.replace("+44 7700 900123", "")


# The code


def test_the_code_page_shows_the_number_as_long_as_the_code_is_good(alice, app):
    alice.asks_for_code()
    page = alice.get("/verify")
    assert "We have sent a code to +1 202-555-0123 ." in said(page)
    assert "Enter the 6-digit code" in said(page)
    assert 'autocomplete="one-time-code"' in page.text
    assert "You have 4 tries left" in said(page)
    change(app, Verification, started_at=clock.now() - timedelta(minutes=11))
    later = alice.get("/verify")
    assert "+•••••••0123" in said(later)
    assert "555-0123" not in later.text, "somebody else may sit there by now"


def fields_of(page: Any, button: str) -> dict[str, list[str]]:
    """Return what the form posts whose button is pressed, but for what is typed into it."""
    (form,) = [f for f in re.findall(r"<form.*?</form>", page.text, re.S) if button in f]
    pressed = re.findall(rf'<button[^>]*name="(\w+)" value="(\w+)"[^>]*>{button}', form)[:1]
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'"hidden" name="(\w+)" value="([^"]*)"', form) + pressed:
        fields.setdefault(name, []).append(html.unescape(value))
    return fields


@on_one_database
def test_changing_the_number_keeps_the_form(alice, verify):
    alice.asks_for_code("support", "order_updates", phone="07400 123456", country="GB")
    page = alice.post_blindly("/", **fields_of(alice.get("/verify"), "Change number"))
    assert page.status_code == 200
    assert 'value="+44 7400 123456"' in page.text
    assert re.search(r'value="GB" [^>]* selected', page.text)
    assert re.findall(r'value="(\w+)" checked', page.text) == ["order_updates", "support"]
    assert len(verify.sent) == 1


def test_without_a_code_on_its_way_there_is_nothing_to_verify(alice, verify):
    assert alice.get("/verify").location == "/"
    token = alice.token("/")
    for path in ("/verify", "/verify/send"):
        assert alice.post_blindly(path, csrf_token=token, code=CODE).location == "/"
    assert verify.sent == []


def test_the_right_code_verifies_grants_and_lets_in(alice, rows):
    alice.signs_in("order_updates", "support")
    assert rows.one(Phone).verified_at is not None
    assert rows.one(Verification).approved_at is not None
    chosen = ("order_updates", "support")
    assert ledger(rows) == refused_but(*chosen) + [(name, "granted") for name in chosen]
    page = alice.get("/preferences")
    assert page.status_code == 200
    assert said(page).count("You agreed on") == 2


def test_a_purpose_that_is_left_out_is_refused_whatever_consent_an_event_brings(
    alice, shop, twilio
):
    alice.signs_in("support")
    assert shop.ships().json["error"] == "consent_withdrawn"
    assert "Off since" in said(alice.get("/preferences"))
    assert twilio.calls == []


def test_one_that_a_service_wrote_down_is_refused_by_who_leaves_it_out(alice, shop, twilio):
    assert shop.ships().status_code == 202
    alice.signs_in("support")
    assert shop.ships("order-1002-shipped").json["error"] == "consent_withdrawn"


def test_who_chooses_nothing_only_looks_and_changes_nothing_that_was_agreed(
    alice, shop, twilio, rows
):
    shop.ships()
    alice.signs_in("support")
    alice.post("/preferences/purposes/order_updates", on="/preferences", agree="yes")
    before = ledger(rows)
    alice.post("/sign-out", on="/preferences")
    alice.signs_in()
    alice.post("/sign-out", on="/preferences")
    alice.signs_in("incident_alerts")
    assert ledger(rows) == [*before, ("incident_alerts", "granted")]
    assert shop.ships("order-1002-shipped").status_code == 202


def test_one_that_nobody_has_chosen_yet_can_be_stopped(alice, rows, words_of):
    with words_of(only_order_updates):
        alice.signs_in()
    assert "Not chosen" in said(alice.get("/preferences"))
    assert alice.get("/preferences").text.count("Stop these") == 3
    alice.post("/preferences/purposes/support", on="/preferences", agree="no")
    assert alice.get("/preferences").text.count("Stop these") == 2
    assert ledger(rows) == [("order_updates", "withdrawn"), ("support", "withdrawn")]


def test_a_sign_up_is_confirmed_by_a_text_where_the_shop_wants_that(alice, app, twilio, rows):
    with settings_of(app, CONFIRM_SIGN_UPS="true", SHOP_NAME="Rosa", **VERIFY):
        alice.signs_in("order_updates", "support")
        alice.post("/sign-out", on="/preferences")
        alice.signs_in("support")
        run_worker(app)
    (call,) = twilio.calls
    assert call["to"] == ALICE
    assert call["body"] == (
        "Rosa: You agreed to get order updates and support by text. "
        "Reply HELP for help. Reply STOP to stop."
    )
    assert (rows.delivery.kind, rows.delivery.api_key_id) == ("signed_up", None)


def test_no_sign_up_is_confirmed_where_the_shop_does_not_want_that(alice, twilio, rows):
    alice.signs_in("support")
    assert rows.all(Delivery) == []


def test_nothing_is_verified_where_the_grants_cannot_be_written(alice, app, rows):
    alice.asks_for_code("support")

    def fail(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO consent"):
            raise RuntimeError("the disk is full")

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", fail)
    try:
        assert alice.enters().status_code == 500
    finally:
        event.remove(engine, "before_cursor_execute", fail)
    assert rows.one(Phone).verified_at is None
    assert rows.one(Verification).approved_at is None
    assert ledger(rows) == []


@on_one_database
def test_a_code_may_be_typed_as_people_do(alice):
    alice.asks_for_code()
    assert alice.enters("١٢٣-٤٥٦\u200b").location == "/preferences"


@on_one_database
def test_what_cannot_be_a_code_costs_no_try(alice):
    alice.asks_for_code()
    page = alice.enters("12")
    assert page.status_code == 400
    assert "Enter the code: the 6 digits that we sent" in said(page)
    assert "You have 4 tries left" in said(page)


def test_wrong_codes_count_down_to_a_new_one(alice, verify, rows):
    alice.asks_for_code()
    for left in ("3 tries", "2 tries", "1 try"):
        page = alice.enters("000000")
        assert page.status_code == 400
        assert title(page).startswith("Error: Enter the 6-digit code")
        assert f"You have {left} left" in said(page)
        assert 'value="000000"' in page.text
    page = alice.enters("000000")
    assert "there are no tries left. Ask for a new one" in said(page)
    assert 'name="code"' not in page.text
    assert verify.canceled == []
    assert alice.post("/verify", code=CODE).status_code == 429  # too late for that code
    assert rows.one(Phone).verified_at is None

    alice.post("/verify/send", on="/verify", channel="sms")
    assert len(verify.canceled) == 1
    assert "You have 4 tries left" in said(alice.get("/verify"))
    assert alice.enters().location == "/preferences"


def test_an_expired_code_is_not_called_wrong_and_is_replaced_by_a_new_one(alice, verify):
    alice.asks_for_code()
    verify.check_answers.append(Refused(404, 20404, None))
    page = alice.enters()
    assert page.status_code == 400
    assert "That code has expired. Ask for a new one" in said(page)
    assert "wrong" not in said(page).lower()
    alice.post("/verify/send", on="/verify", channel="sms")
    assert alice.enters().location == "/preferences"


def test_after_ten_minutes_the_page_says_that_the_code_has_expired(alice, app):
    alice.asks_for_code()
    change(app, Verification, started_at=clock.now() - timedelta(minutes=11))
    page = alice.get("/verify")
    assert "That code has expired" in said(page)
    assert "Send a new code" in said(page)
    assert "That code has expired" in said(alice.enters())


CANNOT_CHECK = [
    (Refused(429, 60202, None), 429, "There were too many wrong codes. Ask for a new one", 0),
    (Refused(401, 20003, None), 503, "Codes cannot be checked just now. Please tell the shop", 4),
    (Unknown("server_error", 500, None), 503, "We cannot check codes just now", 4),
    (Unwritten("connect"), 503, "We cannot check codes just now", 4),
    (Unknown("timeout", None, None), 503, "We cannot check codes just now", 4),
]


@on_one_database
@pytest.mark.parametrize(("outcome", "status", "sentence", "left"), CANNOT_CHECK)
def test_an_outage_is_not_a_wrong_code_and_costs_no_try(
    alice, verify, outcome, status, sentence, left
):
    alice.asks_for_code()
    verify.check_answers.append(outcome)
    page = alice.enters()
    assert page.status_code == status
    assert sentence in said(page)
    assert (f"You have {left} tries left" if left else "There are no tries left") in said(page)
    assert "That code is wrong" not in said(page)


def test_a_code_can_be_called_and_the_page_says_when_there_is_no_other_yet(alice, verify):
    alice.asks_for_code()
    assert "You can ask for a new code" not in said(alice.get("/verify"))
    assert alice.post("/verify/send", on="/verify", channel="call").location == "/verify"
    assert "We are calling" in said(alice.get("/verify"))
    alice.post("/verify/send", on="/verify", channel="sms")
    page = said(alice.get("/verify"))
    assert "We have sent you a code again." in page
    assert "You can ask for a new code in 10 minutes" in page
    assert [channel for _, channel in verify.sent] == ["sms", "call", "sms"]
    alice.post("/verify/send", on="/verify", channel="sms")
    page = alice.get("/verify")
    assert title(page).startswith("Error: ")
    assert "We cannot send another code yet" in said(page)
    assert len(verify.sent) == 3


def test_an_outage_while_a_code_is_sent_again_keeps_the_first_one_good(alice, verify):
    alice.asks_for_code()
    verify.start_answers.append(Unwritten("dns"))
    alice.post("/verify/send", on="/verify", channel="sms")
    assert "We cannot send codes just now" in said(alice.get("/verify"))
    assert alice.enters().location == "/preferences"


def test_who_has_opted_out_still_gets_a_code_and_sees_everything(alice, app, verify):
    opt_out(app, ALICE)
    alice.signs_in()
    assert verify.sent == [(ALICE, "sms")]
    assert "All texts are stopped" in said(alice.get("/preferences"))


@on_one_database
@pytest.mark.parametrize("known_by", ["its country's plan", "Twilio"])
def test_a_landline_is_told_that_texts_do_not_reach_it_and_agrees_to_none(
    alice, verify, rows, known_by
):
    number = LANDLINE if known_by != "Twilio" else ALICE
    if known_by == "Twilio":
        verify.start_answers.append(Refused(403, 60205, None))
    form = {"phone": number, "country": "GB", "purpose": ["support"]}
    fields = fields_of(alice.post("/", **form), "Call me with the code")
    alice.post_blindly("/", **fields | form)
    assert verify.sent == [(number, "call")]
    assert "Our texts cannot reach a landline" in said(alice.get("/verify"))
    assert alice.enters().location == "/preferences"
    page = said(alice.get("/preferences"))
    assert "Texts cannot reach this number It is a landline" in page
    assert "I agree" not in page
    assert ledger(rows) == []


@on_one_database
def test_a_landline_that_agreed_before_can_take_that_back_and_agree_to_no_more(alice, app):
    alice.signs_in("support")
    alice.post("/preferences/stop", on="/preferences")
    with app.app_context():
        customers.agree(Visitor(KEY, None), ["support"])
        stopping.stop(KEY, OptOutSource.PAGE)
    alice.post("/sign-out", on="/preferences")
    alice.asks_for_code(channel="call", landline=ALICE)
    alice.enters()
    page = said(alice.get("/preferences"))
    assert "Turn off support" in page
    assert "agree to something below" not in page
    assert "Start again" not in page


@on_one_database
def test_a_landlines_number_that_got_the_code_by_text_is_like_any_other(alice, rows):
    alice.asks_for_code("support", phone=LANDLINE)
    alice.enters()
    assert ledger(rows) == [*refused_but("support"), ("support", "granted")]
    assert "Texts cannot reach" not in said(alice.get("/preferences"))


# Sessions


@on_one_database
@pytest.mark.parametrize("path", ["/", "/verify", "/verify/send"])
def test_a_second_tab_is_sent_on_once_the_first_has_signed_in(alice, verify, rows, path):
    alice.asks_for_code("support")
    token = alice.token("/verify")  # of the second tab
    alice.enters()
    answer = alice.post_blindly(path, csrf_token=token, code=CODE, phone=BOB)
    assert (answer.status_code, answer.location) == (303, "/preferences")
    assert len(verify.sent) == 1
    assert ledger(rows) == [*refused_but("support"), ("support", "granted")]


def test_a_stale_form_of_nobody_is_refused(alice, verify):
    token = alice.token("/")
    alice.cookie = ""
    page = alice.post_blindly("/", csrf_token=token, phone=ALICE)
    assert (page.status_code, "We could not read that" in said(page)) == (400, True)
    assert verify.sent == []


def test_a_second_tab_with_another_number_ends_the_first(alice):
    alice.asks_for_code()
    alice.asks_for_code(phone="+12025559999")  # the second tab
    page = said(alice.enters("000000"))
    assert "That code is wrong." in page
    assert "+1 202-555-9999" in page


def test_in_a_second_tab_no_approval_and_no_code_of_another_number_is_good(alice, verify, rows):
    alice.asks_for_code("support")
    first = dict(alice.session()["code"])
    alice.asks_for_code(phone=BOB)  # the second tab
    # Bob's code approves Bob's verification, said to be Alice's.
    verify.check_answers.append(Checked(BOB, "approved"))
    with alice.client.session_transaction(base_url="https://sms.example.com") as session:
        session["code"] = first
    assert "expired" in said(alice.enters())
    assert alice.get("/preferences").location == "/"
    assert [row.verified_at for row in rows.all(Phone)] == [None, None]
    assert ledger(rows) == []


def test_the_session_is_a_new_one_after_approval_and_the_old_one_is_worth_nothing(alice, app):
    alice.asks_for_code("support")
    old, fixed = alice.session(), alice.cookie
    alice.enters()
    new = alice.session()
    assert new["id"] != old["id"]
    assert new.get("csrf_token") != old["csrf_token"]
    assert "code" not in new
    attacker = Person(app.test_client())
    attacker.cookie = fixed
    assert attacker.get("/preferences").location == "/"
    attacker.cookie = fixed
    assert "expired" in said(attacker.enters())


def test_the_cookie_holds_no_number_and_is_guarded(alice):
    alice.asks_for_code("support")
    header = alice.get("/").headers["Set-Cookie"]
    assert header.startswith("__Host-session=")
    for word in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Expires="):
        assert word in header
    assert "0123" not in repr({k: v for k, v in alice.session()["code"].items() if "key" not in k})
    assert ALICE[1:] not in repr(alice.session())
    alice.enters()
    assert ALICE[1:] not in repr(alice.session())


def test_a_session_is_over_after_half_an_hour_however_busy(alice):
    with travel(clock.now(), tick=True) as time:
        alice.signs_in()
        for _ in range(2):
            time.shift(timedelta(minutes=14))
            assert alice.get("/preferences").status_code == 200
        time.shift(timedelta(minutes=3))
        assert alice.get("/preferences").location == "/"
        assert "Confirm your number to go on" in said(alice.get("/"))


def test_erasing_ends_all_sessions_of_the_number_also_those_that_wait_for_a_code(alice, app):
    alice.signs_in("support")
    elsewhere, waiting = Person(app.test_client()), Person(app.test_client())
    elsewhere.signs_in()
    waiting.asks_for_code("order_updates")
    alice.post("/preferences/erase")
    for _ in range(2):
        assert elsewhere.get("/preferences").location == "/"
        assert waiting.get("/verify").location == "/"
        # Nor does it help that somebody asks for a code again, which writes the number down.
        change(app, Phone, e164=ALICE)


def test_signing_out_ends_the_sessions_in_other_browsers_too(alice, app):
    alice.signs_in()
    kept = alice.cookie
    assert alice.post("/sign-out", on="/preferences").location == "/"
    assert "You are signed out." in said(alice.get("/"))
    thief = Person(app.test_client())
    thief.cookie = kept
    assert thief.get("/preferences").location == "/"
    alice.signs_in()


def test_who_is_signed_in_goes_on_to_the_preferences(alice):
    alice.signs_in()
    assert alice.get("/").location == "/preferences"


@pytest.mark.parametrize("path", ["/preferences", "/preferences/data", "/preferences/erase"])
def test_strangers_are_sent_to_the_start(alice, path):
    answer = alice.get(f"{path}?next=https://evil.example")
    assert (answer.status_code, answer.location) == (303, "/")


def test_strangers_change_nothing(alice, bob, rows):
    alice.signs_in("support")
    token = bob.token("/")
    for path in ("/preferences/stop", "/preferences/erase", "/preferences/purposes/support"):
        answer = bob.post_blindly(path, csrf_token=token, agree="no")
        assert (answer.status_code, answer.location) == (303, "/")
    assert ledger(rows) == [*refused_but("support"), ("support", "granted")]
    assert rows.all(OptOut) == []


# Preferences


def test_each_purpose_can_be_turned_on_and_off(alice, rows):
    alice.signs_in("support")
    alice.post("/preferences/purposes/support", on="/preferences", agree="no")
    assert "You get no more support by text." in said(alice.get("/preferences"))
    alice.post("/preferences/purposes/order_updates", on="/preferences", agree="yes")
    page = alice.get("/preferences")
    assert title(page).startswith("You have agreed to order updates.")
    assert ledger(rows) == [
        *refused_but("support"),
        ("support", "granted"),
        ("support", "withdrawn"),
        ("order_updates", "granted"),
    ]


@pytest.fixture
def words_of(app, tmp_path) -> Callable[[Callable[[str], str]], Any]:
    """Run for a while with other words: those of the tests, changed."""

    def run(change: Callable[[str], str]) -> Any:
        file = tmp_path / "words.toml"
        file.write_text(change(Path(ENVIRONMENT["WORDS_FILE"]).read_text()))
        return settings_of(app, WORDS_FILE=str(file), **VERIFY)

    return run


@on_one_database
def test_each_consent_is_recorded_in_the_words_that_were_shown(alice, bob, rows, words_of):
    alice.signs_in("support")
    with words_of(lambda text: text.replace("answers my questions", "helps me")):
        assert "answers my questions by text" in said(alice.get("/preferences")), "as agreed to"
        assert "helps me by text" in said(bob.get("/"))
        bob.signs_in("support")
        assert "helps me by text" in said(bob.get("/preferences"))
    first, second = (row for row in rows.all(Consent) if row.action == "granted")
    assert first.wording_version != second.wording_version
    texts = {row.hash: row.text for row in rows.all(Wording)}
    recorded = {texts[first.wording_hash], texts[second.wording_hash]}
    assert any("this shop answers my questions by text." in text for text in recorded)
    assert any("this shop helps me by text." in text for text in recorded)


def only_order_updates(text: str) -> str:
    return text.replace("shown = true", "shown = false").replace("false", "true", 1)


@on_one_database
def test_only_purposes_that_the_shop_uses_are_asked_for(alice, bob, rows, words_of):
    alice.signs_in("support")
    with words_of(only_order_updates):
        page = bob.get("/")
        assert re.findall(r'name="purpose" value="(\w+)"', page.text) == ["order_updates"]
        bob.signs_in("order_updates", "support")
        assert "Support" not in said(bob.get("/preferences"))
        answer = bob.post("/preferences/purposes/support", on="/preferences", agree="yes")
        assert answer.status_code == 404
        assert "Turn off support" in said(alice.get("/preferences")), "who agreed can take it back"
        alice.post("/preferences/purposes/support", on="/preferences", agree="no")
        assert "support" not in said(alice.get("/preferences")).replace("no more support", "")
    assert Counter(ledger(rows)) == Counter(
        [
            *refused_but("support"),
            ("support", "granted"),
            ("order_updates", "granted"),
            ("support", "withdrawn"),
        ]
    )


@on_one_database
def test_privacy_and_terms_stand_where_people_agree(alice, app):
    links = {"PRIVACY_URL": "https://a.example/p?x=1&y=2", "TERMS_URL": "https://a.example/t"}
    alice.signs_in()
    assert "Our terms" not in said(alice.get("/preferences"))
    with settings_of(app, **links, **VERIFY):
        for page in (Person(app.test_client()).get("/"), alice.get("/preferences")):
            assert '<a href="https://a.example/p?x=1&amp;y=2">Our privacy policy</a>' in page.text
            assert '<a href="https://a.example/t">Our terms</a>' in page.text


def test_only_known_purposes_and_answers_are_taken(alice, rows):
    alice.signs_in()
    unknown = alice.post("/preferences/purposes/marketing", on="/preferences", agree="yes")
    assert unknown.status_code == 404
    neither = alice.post("/preferences/purposes/support", on="/preferences", agree="maybe")
    assert neither.status_code == 400
    assert ledger(rows) == refused_but()


def test_a_consent_that_a_service_brought_says_so(alice, app, shop: Service, twilio):
    shop.ships()
    alice.signs_in()
    page = said(alice.get("/preferences"))
    assert "The shop wrote down on 2 June 2026 at 09:00 UTC that you had agreed." in page


@on_one_database
def test_times_are_there_for_the_readers_own_clock(alice, app, shop: Service, twilio):
    shop.ships()
    alice.signs_in()
    page = alice.get("/preferences").text
    time = '<time datetime="2026-06-02T09:00:00+00:00" data-local>2 June 2026 at 09:00 UTC</time>'
    assert time in page


def test_stopping_everything_stops_and_one_new_grant_brings_back_no_other(
    alice, rows, shop: Service, twilio
):
    alice.signs_in("order_updates", "support")
    alice.post("/preferences/stop", on="/preferences")
    page = said(alice.get("/preferences"))
    assert "All texts are stopped. We text you no more, about anything." in page
    assert "You stopped them here on" in page
    assert rows.one(OptOut).source is OptOutSource.PAGE
    assert shop.ships().status_code == 409

    alice.post("/preferences/purposes/support", on="/preferences", agree="yes")
    assert "All texts are stopped" not in said(alice.get("/preferences"))
    assert shop.ships("order-1002-shipped").json["error"] == "consent_withdrawn"


def is_opted_out(app: Flask, rows: Rows, source: OptOutSource) -> None:
    key = rows.one(Phone).phone_key
    with app.app_context():
        stopping.stop(key, source)


@pytest.mark.parametrize(
    ("source", "sentences"),
    [
        (OptOutSource.TEXT, ("You replied STOP on", "text START to +1 500-555-0006")),
        (OptOutSource.TWILIO, ("Your phone company told us", "text START to +1 500-555-0006")),
        (OptOutSource.OPERATOR, ("The shop stopped them for you", "agree to something below")),
        (OptOutSource.PAGE, ("You stopped them here", "agree to something below")),
    ],
)
def test_an_opt_out_is_shown_with_what_ends_it(alice, app, rows, source, sentences):
    alice.signs_in("support")
    is_opted_out(app, rows, source)
    page = said(alice.get("/preferences"))
    for sentence in sentences:
        assert sentence in page
    ends_here = "Start again" in page
    assert ends_here == (source in {OptOutSource.OPERATOR, OptOutSource.PAGE})


def test_without_a_number_of_its_own_the_shop_asks_to_reply_start(alice, app, rows):
    alice.signs_in()
    is_opted_out(app, rows, OptOutSource.TEXT)
    service = {"TWILIO_MESSAGING_SERVICE_SID": f"MG{1:032}", "TWILIO_FROM_NUMBER": ""}
    with settings_of(app, **service, **VERIFY):
        assert "reply START to any of our texts" in said(alice.get("/preferences"))


def test_signing_in_without_a_purpose_lifts_no_stop(alice, rows):
    alice.signs_in("support")
    alice.post("/preferences/stop", on="/preferences")
    alice.post("/sign-out", on="/preferences")
    alice.signs_in()
    assert rows.one(OptOut).lifted_at is None


def test_what_we_know_is_a_file_to_keep(alice, bob, rows, shop: Service, twilio):
    bob.signs_in("support")
    shop.ships()
    alice.signs_in("support")
    answer = alice.get("/preferences/data")
    assert answer.mimetype == "application/json"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["phone"] == ALICE
    assert [text["subject"] for text in answer.json["texts"]]
    assert BOB not in answer.text


def test_erasing_asks_first_then_erases_and_says_so(alice, rows):
    alice.signs_in("support")
    page = said(alice.get("/preferences/erase"))
    assert "It cannot be undone." in page
    assert "with the key, and only with it, numbers could be tried until one fits" in page
    assert rows.one(Phone).e164 == ALICE
    assert alice.post("/preferences/erase").location == "/erased"
    assert "We have erased your number" in said(alice.get("/erased"))
    assert rows.one(Phone).e164 is None
    assert alice.session() == {}


@on_one_database
def test_copies_at_twilio_are_named_where_they_stay(alice, app):
    alice.signs_in()
    assert "copies of the texts at Twilio" in said(alice.get("/preferences/erase"))
    with settings_of(app, BLANK_BODIES_AT_TWILIO="true", **VERIFY):
        assert "copies of the texts at Twilio" not in said(alice.get("/preferences/erase"))


def test_an_erased_person_may_come_back(alice, rows):
    alice.signs_in("support")
    alice.post("/preferences/erase")
    alice.signs_in("order_updates")
    assert rows.one(Phone).e164 == ALICE
    assert said(alice.get("/preferences")).count("You agreed on") == 1


# All pages


@on_one_database
@pytest.mark.parametrize(
    "path",
    [
        "/preferences/purposes/support",
        "/preferences/stop",
        "/preferences/erase",
        "/sign-out",
    ],
)
def test_a_form_without_its_token_is_refused_with_a_page(alice, rows, path):
    alice.signs_in("support")
    for fields in ({}, {"csrf_token": "forged"}):
        page = alice.post_blindly(path, phone=ALICE, code=CODE, agree="no", **fields)
        assert page.status_code == 400
        assert "We could not read that" in said(page)
        assert "/static/app.css" in page.text
    assert ledger(rows) == [*refused_but("support"), ("support", "granted")]


def test_every_page_is_kept_nowhere_and_runs_nothing_of_others(alice):
    alice.asks_for_code()
    found = [alice.get(path) for path in ("/", "/verify", "/erased", "/nowhere")]
    alice.enters()
    found += [alice.get(path) for path in ("/preferences", "/preferences/erase")]
    for page in found:
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'; base-uri 'none'; form-action 'self'")
        assert "unsafe" not in policy
        text = page.text.replace('<a href="http://127.0.0.1:9/">The phone</a>', "")
        assert not re.search(r"<style|\sstyle=|<script(?! src)|\son\w+=|https?://", text)
        assert '<html lang="en">' in page.text
        assert "Skip to main content" in page.text
        if page.status_code != 404:
            assert page.headers["Cache-Control"] == "no-store"


def test_no_address_of_a_page_can_hold_a_number():
    for rule in make_rules():
        assert not {"phone", "number", "e164"} & rule.arguments


def make_rules() -> Any:
    app = Flask("pages")
    app.register_blueprint(sign_up.bp)
    return app.url_map.iter_rules()


def test_numbers_and_codes_are_in_no_log(alice, caplog):
    with caplog.at_level("DEBUG"):
        alice.signs_in("support")
        alice.post("/preferences/stop", on="/preferences")
        alice.post("/preferences/erase")
    logged = "\n".join(repr(record.__dict__) for record in caplog.records)
    assert "2025550123" not in logged
    assert CODE not in logged


def test_the_sandbox_says_that_it_is_one_and_leads_to_its_phone(alice, app):
    sentence = "Sandbox: no real texts are sent."
    assert f"{sentence} The phone · The console" in said(alice.get("/"))
    assert 'href="http://127.0.0.1:9/"' in alice.get("/").text
    with settings_of(app, TWILIO_BASE_URL="http://proxy.example", **VERIFY):
        assert sentence in said(alice.get("/"))
        assert "The phone" not in said(alice.get("/"))
    with settings_of(app, TWILIO_BASE_URL="", **VERIFY):
        assert sentence not in said(alice.get("/"))


@pytest.mark.parametrize("error", [*BY_STATUS.values(), Bug, DatabaseAway])
@on_one_database
def test_every_error_of_a_page_is_in_plain_words(app, error):
    with app.test_request_context():
        heading, sentence = wording.page(error(retry_after=240))
    plain = f"{heading} {sentence}"
    for jargon in ("Retry-After", "JSON", "details", "request id", "Allow", "key", "database"):
        assert jargon not in plain
    if error.status in {429, 503}:
        assert "in 4 minutes" in plain


def test_errors_look_like_every_page(alice, app, monkeypatch):
    assert "We cannot find that page" in said(alice.get("/nowhere"))
    assert alice.get("/nowhere").status_code == 404
    assert alice.get("/verify/send").status_code == 405
    large = alice.post_blindly("/", phone="1" * 20_000)
    assert (large.status_code, "more than we can take" in said(large)) == (413, True)

    def break_down(*_: Any) -> None:
        raise RuntimeError(ALICE)

    alice.signs_in()
    monkeypatch.setattr(customers, "preferences", break_down)
    broken = alice.get("/preferences")
    assert (broken.status_code, "went wrong on our side" in said(broken)) == (500, True)
    assert broken.headers["X-Request-Id"] in broken.text
    assert ALICE not in broken.text


@on_one_database
def test_a_wait_is_said_in_words(app):
    with app.test_request_context():
        waits = [wording.wait(s) for s in (None, 0, 1, 59, 60, 61, 600, 5400, 5401, 86400)]
    assert waits == [
        "in a moment",
        "in a moment",
        "in 1 second",
        "in 59 seconds",
        "in 1 minute",
        "in 2 minutes",
        "in 10 minutes",
        "in 90 minutes",
        "in 2 hours",
        "in 24 hours",
    ]
