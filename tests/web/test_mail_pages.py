"""E-mail on the customers' pages: given, confirmed by a link, taken away, ended by one click."""

import html
import re
from datetime import timedelta

import pytest
from time_machine import travel

from smsapp import clock
from smsapp.models import Consent, ConsentEvidence, Phone, Wording
from smsapp.providers.outcomes import Refused
from smsapp.providers.verify import Checked
from smsapp.recipients import mail_links
from tests import mail_server
from tests.conftest import KEY, erase, on_one_database, opt_out, settings_of
from tests.fake_verify import CODE, VERIFY
from tests.web.test_pages import Person

ADDRESS = "ann@example.com"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def server(app, verify):
    """The shop's mail server."""
    with mail_server.serving() as server:
        given = VERIFY | {"MAIL_URL": server.url, "MAIL_FROM": "orders@shop.example"}
        with settings_of(app, SHOP_NAME="Corner Books", **given):
            yield server


@pytest.fixture
def alice(app, server):
    person = Person(app.test_client())
    person.signs_in("order_updates")
    return person


def gives(person, address=ADDRESS):
    return person.post("/preferences/email", on="/preferences", email=address)


def link_in(server):
    """Return the path of the link in the newest mail."""
    text, _ = server.newest().iter_parts()
    return re.search(r"https://sms\.example\.com(/\S+)", text.get_content())[1]


def section(page):
    """Return the words of the page's section about mails."""
    part = re.search(r'<section class="purpose" id="mail".*?</section>', page.text, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part[0])).split()) if part else ""


def ledger(rows):
    told = sorted(rows.all(Consent), key=lambda row: row.seq)
    return [(row.action, row.source) for row in told if row.purpose == "email"]


def phone(rows):
    (row,) = [row for row in rows.all(Phone) if row.phone_key == KEY]
    return row


def test_without_a_mail_server_nothing_is_offered(app, verify):
    person = Person(app.test_client())
    person.signs_in()
    assert section(person.get("/preferences")) == ""
    assert gives(person).status_code == 404


def test_an_address_counts_once_its_owner_has_confirmed_it(app, alice, server, rows):
    assert "If a text can’t reach me Not chosen" in section(alice.get("/preferences"))
    assert gives(alice).location == "/preferences"
    assert server.rcpts == [ADDRESS]
    page = alice.get("/preferences")
    assert "We have sent a mail to a…@e….com." in html.unescape(page.text)
    assert ADDRESS not in page.text
    assert (phone(rows).email, phone(rows).email_to_confirm) == (None, ADDRESS)
    # Opened by a program that looks for viruses, in another browser, and by the owner.
    stranger = Person(app.test_client())
    path = link_in(server)
    assert KEY not in path
    for _ in range(2):
        assert "Yes, this is my address" in stranger.get(path).text
    assert phone(rows).email is None
    answer = stranger.post_blindly(path)
    assert answer.status_code == 200
    assert "your address is confirmed" in answer.text
    kept = phone(rows)
    assert (kept.email, kept.email_is_own, kept.email_to_confirm) == (ADDRESS, True, None)
    assert ledger(rows) == [("granted", "page")]
    words = section(alice.get("/preferences"))
    assert "On We write to a…@e….com ." in words
    assert "I agree that Corner Books writes to me by e-mail" in words


def test_the_ledger_has_the_words_that_were_shown_and_whence_they_were_confirmed(
    app, alice, server, rows
):
    token = alice.token("/preferences")
    alice.post_blindly("/preferences/email", csrf_token=token, email=ADDRESS, language="de")
    assert "Ist das Ihre E-Mail-Adresse?" in server.newest()["Subject"]
    Person(app.test_client()).post_blindly(link_in(server))
    (row,) = [row for row in rows.all(Consent) if row.purpose == "email"]
    words = {word.hash: word.text for word in rows.all(Wording)}
    assert words[row.wording_hash].startswith("Ich stimme zu, dass Corner Books mir per E-Mail")
    assert [each.address for each in rows.all(ConsentEvidence) if each.seq == row.seq] == [
        "127.0.0.1"
    ]


@pytest.mark.parametrize(
    "typed", ["", "ann", "ann@example", f"{ADDRESS}, bob@example.com", "ä@b.de"]
)
def test_what_is_no_address_is_said_beside_the_field(alice, server, rows, typed):
    answer = gives(alice, typed)
    assert answer.status_code == 400
    assert answer.text.count("Enter an e-mail address, such as ann@example.com") == 2
    assert "Error: " in answer.text
    assert server.mails == []
    assert phone(rows).email_to_confirm is None


def test_an_address_that_the_mail_server_refuses_is_said_beside_the_field(alice, server):
    server.will("RCPT", "550 no such user")
    answer = gives(alice)
    assert (answer.status_code, "No mail gets to this address" in answer.text) == (400, True)
    server.will("RCPT", "450 later")
    answer = gives(alice)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "We cannot send mails just now. Try again in 1 minute" in answer.text


def test_nobody_is_asked_too_often(alice, server):
    for _ in range(3):
        assert gives(alice).status_code == 303
    answer = gives(alice)
    assert (answer.status_code, "That was too often" in answer.text) == (429, True)
    assert gives(alice, "other@example.com").status_code == 303
    assert gives(alice, "third@example.com").status_code == 429
    assert len(server.mails) == 4


def test_only_the_last_link_is_good_and_only_once_and_for_two_days(app, alice, server, rows):
    gives(alice)
    first = link_in(server)
    gives(alice, "other@example.com")
    second = link_in(server)
    stranger = Person(app.test_client())
    assert stranger.post_blindly(first).status_code == 404
    assert "This link is no longer good" in stranger.get(first).text
    with travel(clock.now() + timedelta(days=2, seconds=2), tick=False):
        assert stranger.get(second).status_code == 404
    assert stranger.post_blindly(second).status_code == 200
    assert stranger.post_blindly(second).status_code == 404
    assert phone(rows).email == "other@example.com"
    assert stranger.post_blindly("/mail/confirm/x").status_code == 404


def test_an_address_is_taken_away_again(app, alice, server, rows):
    gives(alice)
    Person(app.test_client()).post_blindly(link_in(server))
    answer = alice.post("/preferences/email/none", on="/preferences")
    assert answer.location == "/preferences"
    assert phone(rows).email is None
    assert ledger(rows) == [("granted", "page"), ("withdrawn", "page")]
    assert "If a text can’t reach me Off Off since" in section(alice.get("/preferences"))


def test_an_address_from_the_shop_is_shown_and_can_be_refused(app, alice, server, shop, rows):
    shop.post("/api/events/order_shipped", json=event())
    words = section(alice.get("/preferences"))
    assert "On The shop gave us a…@e….com ." in words
    alice.post("/preferences/email/none", on="/preferences")
    shop.post("/api/events/order_shipped", json=event("order-1002-shipped"))
    assert phone(rows).email is None
    assert "Off since" in section(alice.get("/preferences"))


def test_whoever_stops_everything_stops_mails_and_says_nothing_of_what_was_never_there(
    app, alice, server, rows
):
    alice.post("/preferences/stop", on="/preferences")
    assert ledger(rows) == []
    gives(alice)
    Person(app.test_client()).post_blindly(link_in(server))
    assert "Agreed, but stopped" in section(alice.get("/preferences"))
    alice.post("/preferences/purposes/support", on="/preferences", agree="yes")
    alice.post("/preferences/stop", on="/preferences")
    assert ledger(rows)[-1] == ("withdrawn", "page")
    assert phone(rows).email is None


def event(event_id="order-1001-shipped", **changes):
    return {
        "eventId": event_id,
        "phone": "+12025550123",
        "orderId": "1001",
        "email": ADDRESS,
        "consentAt": "2026-06-02T09:00:00Z",
    } | changes


@pytest.fixture
def link(app, server, shop):
    """The path of the link in a mail to Alice, whose address came with an event."""
    shop.post("/api/events/order_shipped", json=event())
    with app.app_context():
        return mail_links.unsubscribe_url(KEY).removeprefix("https://sms.example.com")


def test_one_click_ends_mails_without_a_session_a_token_or_a_redirect(app, link, rows):
    client = app.test_client()
    for _ in range(2):  # mail programs ask twice
        answer = client.post(link, data=ONE_CLICK)
        assert (answer.status_code, answer.headers.get("Location")) == (200, None)
    assert ledger(rows) == [("withdrawn", "page")]
    assert phone(rows).email is None


@pytest.mark.parametrize(
    "body",
    [
        {"data": ONE_CLICK, "content_type": "multipart/form-data"},
        {"data": b""},
        {"data": b"{}", "content_type": "application/json"},
    ],
)
def test_whatever_a_mail_program_posts_ends_mails(app, link, rows, body):
    assert app.test_client().post(link, **body).status_code == 200
    assert ledger(rows) == [("withdrawn", "page")]


def test_a_get_by_whoever_looks_for_viruses_changes_nothing(app, link, rows):
    person = Person(app.test_client())
    page = person.get(link)
    assert page.status_code == 200
    assert '<button class="main">No more e-mails</button>' in page.text
    assert person.client.head(link).status_code == 200
    assert ledger(rows) == []
    assert phone(rows).email == ADDRESS
    assert page.headers["Cache-Control"] == "no-store"


def test_a_later_events_address_does_not_override_it(app, link, shop, rows):
    app.test_client().post(link)
    shop.post("/api/events/order_shipped", json=event("order-1002-shipped"))
    assert phone(rows).email is None


def test_the_link_of_an_erased_person_answers_as_ever(app, link, rows):
    erase(app)
    before = rows.all(Consent)
    for answer in (app.test_client().post(link), app.test_client().get(link)):
        assert answer.status_code == 200
    assert rows.all(Consent) == before


def test_it_is_no_stop_of_texts(app, link, shop, rows, twilio):
    app.test_client().post(link)
    shop.post("/api/events/order_shipped", json=event("order-1002-shipped", email=None))
    assert len(twilio.calls) == 1


@on_one_database
@pytest.mark.parametrize("token", ["x", "a.b", "A" * 87, "%00", "é"])
def test_a_token_that_is_none_of_ours_is_not_found(app, token):
    for method in ("get", "post"):
        answer = getattr(app.test_client(), method)(f"/mail/unsubscribe/{token}")
        assert answer.status_code == 404


def test_the_file_of_what_we_know_has_the_address(alice, server, shop):
    shop.post("/api/events/order_shipped", json=event())
    known = alice.get("/preferences/data").json
    assert (known["email"], known["emailFromYou"]) == (ADDRESS, False)


def test_the_console_shows_two_letters_of_it(app, server, shop, operator):
    shop.post("/api/events/order_shipped", json=event())
    page = operator.sees(f"/console/numbers/{KEY}").text
    assert "e-mail a…@e….com, from an event" in page
    assert ADDRESS not in page


def test_a_stop_stands_whatever_is_confirmed_since(app, alice, server, rows):
    opt_out(app, "+12025550123")
    gives(alice)
    Person(app.test_client()).post_blindly(link_in(server))
    assert "Agreed, but stopped" in section(alice.get("/preferences"))


@pytest.fixture
def by_code(app, server):
    """Addresses are confirmed by a code of Verify's."""
    given = VERIFY | {"MAIL_URL": server.url, "MAIL_FROM": "orders@shop.example"}
    with settings_of(app, VERIFY_EMAIL="true", **given):
        yield


def enters(person, code):
    return person.post("/preferences/email/code", on="/preferences", code=code)


def test_an_address_may_be_confirmed_by_a_code(alice, server, by_code, verify, rows):
    assert "I agree: send me a code" in alice.get("/preferences").text
    assert gives(alice).location == "/preferences"
    assert verify.sent[-1] == (ADDRESS, "email")
    assert server.rcpts == []
    page = section(alice.get("/preferences"))
    assert "You gave us a…@e….com . Enter the code that we sent there." in page
    assert enters(alice, "12").status_code == 400
    wrong = enters(alice, "000000")
    assert wrong.status_code == 400
    assert "That code is wrong" in section(wrong)
    assert phone(rows).email is None
    assert enters(alice, CODE).location == "/preferences"
    kept = phone(rows)
    assert (kept.email, kept.email_is_own, kept.email_to_confirm) == (ADDRESS, True, None)
    assert ledger(rows) == [("granted", "page")]


def test_where_no_code_goes_to_an_address_the_form_says_why(alice, by_code, verify, rows):
    verify.start_answers = [Refused(400, 60200, None, "To"), Refused(400, 60217, None)]
    assert "No mail gets to this address" in gives(alice).text
    assert gives(alice).status_code == 503
    assert phone(rows).email_to_confirm is None
    assert "has expired" in enters(alice, CODE).text


def test_a_code_confirms_no_address_that_was_given_after_it(alice, by_code, verify, rows):
    gives(alice)
    gives(alice, "other@example.com")
    verify.check_answers = [Checked(ADDRESS, "approved")]
    assert enters(alice, CODE).status_code == 400
    assert phone(rows).email is None


def test_without_codes_there_is_no_form_for_one(alice):
    assert enters(alice, CODE).status_code == 404
