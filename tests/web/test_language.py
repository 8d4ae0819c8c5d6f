"""The language of the customers' pages, and of the words that they agree to."""

import html
import re
from typing import Any

import pytest

from smsapp import languages
from smsapp.errors import BY_STATUS, Bug, DatabaseAway
from smsapp.languages import ENGLISH, NAMES
from smsapp.models import Consent, Wording
from smsapp.recipients.purposes import purpose
from smsapp.web import wording
from tests.conftest import on_one_database, run_worker, settings_of
from tests.fake_verify import CODE, VERIFY
from tests.web.test_pages import Person, said

pytestmark = on_one_database

HEADINGS = {
    "en": "Choose what we text you about",
    "de": "Wählen Sie, wozu wir Ihnen SMS schicken",
    "ko": "받으실 문자를 선택해 주세요",
    "hi": "चुनें कि हम आपको किस बारे में SMS भेजें",
}
OTHERS = [code for code in NAMES if code != ENGLISH.code]


@pytest.fixture
def shop_words(app):
    """A shop with the words that come along, which are in every language."""
    with settings_of(app, **VERIFY, WORDS_FILE=""):
        yield


@pytest.fixture
def alice(app, verify, shop_words) -> Person:
    return Person(app.test_client())


def language_of(page: Any) -> str:
    return re.search(r'<html lang="(.*?)">', page.text)[1]


def chooses(person: Person, code: str) -> Any:
    return person.get(f"/?language={code}")


def recorded(rows: Any, *, action: str = "granted") -> list[str]:
    """Return the words that the ledger has for each consent, in its order."""
    words = {row.hash: row.text for row in rows.all(Wording)}
    found = sorted(rows.all(Consent), key=lambda row: row.seq)
    return [words[row.wording_hash] for row in found if row.action == action]


def words(app: Any, name: str, code: str) -> str:
    with app.app_context():
        return purpose(name, languages.of(code)).words.text


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("de-AT,en;q=0.9", "de"),  # not English, though that alone is there by this name
        ("ko-KR", "ko"),
        ("zh-TW,hi;q=0.7,en;q=0.3", "hi"),
        ("zh", "en"),
        ("de;q=0,ko;q=0.1", "ko"),
        ("en-GB-oxendict", "en"),
        ("fr, *;q=0.5", "en"),
        ("not a language!", "en"),
        ("", "en"),
    ],
)
def test_a_page_is_in_the_language_that_the_browser_asks_for(alice, accept, code):
    page = alice.get("/", **{"Accept-Language": accept})
    assert language_of(page) == code
    assert f"<h1>{HEADINGS[code]}</h1>" in page.text


def test_a_switch_overrides_the_browser_on_every_page_and_is_kept(alice):
    asks = {"Accept-Language": "ko"}
    switched = alice.get("/?language=de", **asks)
    assert language_of(switched) == "de"
    cookie = switched.headers["Set-Cookie"]
    assert cookie.startswith("language=de;")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie
    assert language_of(alice.get("/", **asks)) == "de"
    assert language_of(alice.get("/nowhere", **asks)) == "de"
    alice.signs_in()
    assert language_of(alice.get("/preferences", **asks)) == "de"
    assert language_of(alice.get("/preferences?language=en", **asks)) == "en"
    assert language_of(alice.get("/preferences", **asks)) == "en"


@pytest.mark.parametrize("other", ["xx", "de-AT; Path=/x", "<b>", ""])
def test_a_language_that_is_not_there_is_neither_shown_nor_kept(alice, other):
    page = alice.client.get("/", query_string={"language": other}, headers={"Accept": "text/html"})
    assert language_of(page) == "en"
    assert not any(c.startswith("language=") for c in page.headers.getlist("Set-Cookie"))


def test_each_language_is_offered_by_its_own_name(alice):
    page = alice.get("/?language=ko")
    for code, name in NAMES.items():
        assert re.search(rf'<a href="\?language={code}" lang="{code}"[^>]*>{name}</a>', page.text)
    assert re.findall(r'lang="(\w+)" hreflang="\w+" aria-current=true', page.text) == ["ko"]


def test_a_page_that_cannot_be_opened_by_itself_leads_to_the_start_in_another_language(alice):
    for page in (alice.get("/nowhere"), alice.post_blindly("/preferences/stop")):
        assert page.status_code in {400, 404}
        assert 'href="/?language=de"' in page.text


def test_the_console_and_the_api_stay_english(alice, shop):
    chooses(alice, "de")
    console = alice.get("/console/sign-in?language=ko")
    assert language_of(console) == "en"
    assert "<h1>Sign in</h1>" in console.text
    assert "Set-Cookie" not in console.headers or "language=" not in console.headers["Set-Cookie"]
    german = {"Accept-Language": "de"} | shop.headers
    path = "/api/order-shipped-sms?language=ko"
    answer = shop.client.post(path, json={"phone": "1"}, headers=german)
    assert answer.json["message"] == "The request has faults; details names each of them."
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("code", OTHERS)
def test_what_is_agreed_to_is_recorded_in_the_language_shown(alice, app, rows, code):
    shown = words(app, "support", code)
    assert shown in said(chooses(alice, code))
    alice.signs_in("support")
    assert recorded(rows) == [shown]
    assert shown in said(alice.get("/preferences"))
    assert words(app, "order_updates", code) in recorded(rows, action="withdrawn")


def test_another_language_before_the_code_is_entered_records_no_other_words(alice, app, rows):
    chooses(alice, "de")
    alice.asks_for_code("support")
    assert language_of(alice.get("/verify?language=ko")) == "ko"
    alice.post("/verify/send", on="/verify", channel="sms")
    assert alice.enters().location == "/preferences"
    assert recorded(rows) == [words(app, "support", "de")]
    assert words(app, "support", "de") in said(alice.get("/preferences")), "as agreed to"
    assert words(app, "order_updates", "ko") in said(alice.get("/preferences"))


def test_a_form_in_an_older_tab_records_the_words_that_stand_there(alice, app, rows):
    page = chooses(alice, "de").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    assert 'name="language" value="de"' in page
    chooses(alice, "ko")
    fields = {"phone": alice.number, "sure": alice.number, "purpose": ["support"]}
    alice.post_blindly("/", csrf_token=token, language="de", country="US", **fields)
    alice.enters()
    older = "/preferences/purposes/order_updates"
    assert 'name="language" value="ko"' in alice.get("/preferences").text
    alice.post(older, on="/preferences", agree="yes", language="hi")
    assert recorded(rows) == [words(app, "support", "de"), words(app, "order_updates", "hi")]


def test_a_shop_without_words_of_a_language_shows_its_own(alice, app, rows):
    with settings_of(app, **VERIFY):
        page = chooses(alice, "de")
        assert f"<h1>{HEADINGS['de']}</h1>" in page.text
        alice.signs_in("support")
        own = words(app, "support", "en").replace("this shop", "dieser Shop")
        assert recorded(rows) == [own]
        assert own in said(page)


@pytest.mark.parametrize(
    ("accept", "locale"), [("de-AT", "de"), ("ko", "ko"), ("en-GB", "en"), ("zh-TW", None)]
)
def test_a_code_comes_in_the_language_of_the_page_or_as_twilio_sees_fit(
    alice, verify, accept, locale
):
    alice.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = accept
    alice.asks_for_code()
    assert verify.locales == [locale]


def test_another_code_comes_in_the_language_that_was_chosen_since(alice, verify):
    alice.asks_for_code()
    alice.get("/verify?language=hi")
    alice.post("/verify/send", on="/verify", channel="call")
    assert verify.locales == [None, "hi"]


def test_a_sign_up_is_confirmed_in_the_language_of_the_page(alice, app, twilio):
    chooses(alice, "de")
    with settings_of(app, **VERIFY, WORDS_FILE="", SHOP_NAME="Rosa", CONFIRM_SIGN_UPS="true"):
        alice.signs_in("order_updates", "support")
        run_worker(app)
    (call,) = twilio.calls
    assert call["body"] == (
        "Rosa: Sie haben SMS zu Folgendem zugestimmt: Infos zu Bestellungen und Kundendienst. "
        "Hilfe mit HELP. Abbestellen mit STOP."
    )


def test_countries_have_their_names_in_the_language_and_its_order(alice):
    names = re.findall(r"<option[^>]*>(.*?) \(\+\d+\)", chooses(alice, "de").text)
    assert "Deutschland" in names
    assert names.index("Ägypten") < names.index("Albanien")


def test_what_is_wrong_with_a_number_is_said_in_the_language(alice):
    chooses(alice, "hi")
    page = alice.post("/", phone="", country="IN")
    assert said(page).count("अपना मोबाइल नंबर डालें") == 2
    assert "जैसे 081234 56789" in said(page)
    pager = alice.post("/", phone="+447640123456", country="IN")
    assert said(pager).count("यह पेजर का नंबर है, जिस पर हम कोड नहीं भेजते।") == 2


def test_how_many_tries_are_left_is_said_as_the_language_counts(alice):
    chooses(alice, "de")
    alice.asks_for_code()
    assert "Sie haben noch 4 Versuche." in said(alice.get("/verify"))
    for _ in range(3):
        alice.enters("000000" if CODE != "000000" else "111111")
    assert "Sie haben noch 1 Versuch." in said(alice.get("/verify"))


@pytest.mark.parametrize("code", NAMES)
@pytest.mark.parametrize("error", [*BY_STATUS.values(), Bug, DatabaseAway])
def test_every_error_and_wait_is_said_in_every_language(app, error, code):
    with app.test_request_context(f"/?language={code}"):
        told = wording.page(error(retry_after=240))
        wait = wording.wait(240)
    english = languages.of("en")
    with app.test_request_context("/"):
        plain = wording.page(error(retry_after=240))
    assert (
        wait == {"en": "in 4 minutes", "de": "in 4 Minuten", "ko": "4분 후", "hi": "4 मिनट में"}[code]
    )
    if error.status in {429, 503}:
        assert wait in told[1]
    assert (told == plain) == (code == english.code)


def test_a_time_is_said_in_the_language(alice, rows):
    chooses(alice, "ko")
    alice.signs_in("support")
    at = next(row.at for row in rows.all(Consent) if row.action == "granted")
    shown = re.findall(r"<time [^>]*data-local>(.*?)</time>", alice.get("/preferences").text)
    assert html.unescape(shown[-1]).startswith(f"{at.year}년 {at.month}월 {at.day}일 ")
    assert shown[-1].endswith(" UTC")
