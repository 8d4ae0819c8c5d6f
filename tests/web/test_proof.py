"""The one more step before a code where many are not entered: a sum, or a wait."""

import html
import re
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from time_machine import travel

from smsapp import clock
from smsapp.phone import phone_key
from smsapp.web.pages import proof
from tests.conftest import ALICE, make_app, on_one_database, settings_of
from tests.fake_verify import VERIFY
from tests.web.test_pages import Person, said, title

# What a page says does not hang on the database; what it asks of that is tried in its own tests.
pytestmark = on_one_database

NEIGHBOUR = "+12025550124"


@pytest.fixture
def alice(app, verify, monkeypatch):
    """Alice, just after somebody left a code to a number that begins like hers."""
    monkeypatch.setattr(proof, "ITERATIONS", 1)
    with settings_of(app, **VERIFY, PUMPING_MIN_STARTS="1"):
        fraudster = Person(app.test_client(), NEIGHBOUR)
        fraudster.client.environ_base["REMOTE_ADDR"] = "198.51.100.9"
        fraudster.asks_for_code()
        verify.sent.clear()
        yield Person(app.test_client())


def form_of(page):
    """Return the fields of the page's form, as a browser would send them."""
    form = page.text.partition('<form id="proof"')[2].partition("</form>")[0]
    pairs = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form)
    fields = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(html.unescape(value))
    return fields


def solution(puzzle, bits):
    return next(str(n) for n in count() if proof.solves(str(n), puzzle, bits))


def bits_on(page):
    return int(re.search(r'data-bits="(\d+)"', page.text)[1])


def solved(page, **changes):
    fields = form_of(page)
    nonce = solution(fields["puzzle"][0], bits_on(page))
    return fields | {"nonce": nonce} | changes


def test_the_sum_is_asked_for_in_words_and_then_the_code_is_sent(alice, verify):
    page = alice.asks_for_code("support", phone="(202) 555-0123")
    assert (page.status_code, title(page)) == (429, "One more step – Texts from us")
    assert "your browser has to do a small sum" in said(page)
    assert ALICE not in page.text
    assert verify.sent == []
    answer = alice.post_blindly("/", **solved(page))
    assert (answer.status_code, answer.location) == (303, "/verify")
    assert verify.sent == [(ALICE, "sms")]
    assert alice.session()["code"]["purposes"] == ("support",)


def test_the_words_that_were_ticked_stay_those_whatever_language_the_step_is_said_in(alice):
    token = alice.token("/?language=de")
    alice.get("/?language=ko")
    fields = {"phone": ALICE, "sure": ALICE, "country": "US", "purpose": ["support"]}
    page = alice.post_blindly("/", csrf_token=token, language="de", **fields)
    assert title(page).startswith("한 단계 더 필요합니다")
    assert alice.post_blindly("/", **solved(page)).location == "/verify"
    assert alice.session()["code"]["language"] == "de"


def test_a_code_that_is_asked_for_again_takes_it_too(alice, verify):
    alice.post_blindly("/", **solved(alice.asks_for_code()))
    page = alice.post("/verify/send", on="/verify", channel="call")
    assert title(page).startswith("One more step")
    answer = alice.post_blindly("/verify/send", **solved(page))
    assert answer.location == "/verify"
    assert verify.sent == [(ALICE, "sms"), (ALICE, "call")]


@pytest.mark.parametrize("nonce", ["", "x", "-1", "9" * 19, "\0"])
def test_without_the_sum_there_is_no_code(alice, verify, nonce):
    fields = form_of(alice.asks_for_code())
    puzzle = fields["puzzle"][0]
    while nonce and proof.solves(nonce, puzzle, 8):  # one in 256 does
        nonce += "x"
    page = alice.post_blindly("/", **fields | {"nonce": nonce})
    assert title(page).startswith("One more step")
    assert form_of(page)["puzzle"] == [puzzle], "its time runs on"
    assert verify.sent == []


def test_a_sum_is_good_for_its_own_number_and_ten_minutes(alice, verify):
    with travel(clock.now().replace(microsecond=0), tick=False) as time:
        page = alice.asks_for_code()
        answer = alice.post_blindly("/", **solved(page, phone="(202) 555-0199"))
        assert title(answer).startswith("One more step")
        time.shift(timedelta(minutes=11))
        again = alice.post_blindly("/", **solved(page))
        assert title(again).startswith("One more step")
        assert form_of(again)["puzzle"] != form_of(page)["puzzle"]
    assert verify.sent == []


def test_a_puzzle_is_made_by_us_alone(alice, verify):
    forged = form_of(alice.asks_for_code())
    stranger = make_app(SECRET_KEY="another secret key for the tests!")
    with stranger.app_context():
        theirs = proof._serializer(ALICE).dumps({"bits": 1})
    forged |= {"puzzle": theirs, "nonce": solution(theirs, 1)}
    assert title(alice.post_blindly("/", **forged)).startswith("One more step")
    assert verify.sent == []


def test_who_has_no_scripts_waits_a_minute(alice, verify):
    with travel(clock.now().replace(microsecond=0), tick=False) as time:
        page = alice.asks_for_code("support")
        assert "Then wait instead: you can go on in 1 minute." in said(page)
        time.shift(timedelta(seconds=20))
        page = alice.post_blindly("/", **form_of(page))
        assert "you can go on in 40 seconds" in said(page)
        assert verify.sent == []
        time.shift(timedelta(seconds=41))
        assert alice.post_blindly("/", **form_of(page)).location == "/verify"
    assert verify.sent == [(ALICE, "sms")]


def test_waiting_for_many_numbers_at_once_helps_little(alice, app, verify, monkeypatch):
    """It costs nothing, so one network may do it a few times, and all for a prefix some more."""
    monkeypatch.setattr(proof, "WAITS_PER_NETWORK", "2/hour")
    monkeypatch.setattr(proof, "WAITS_PER_PREFIX", "3/hour")
    with travel(clock.now().replace(microsecond=0), tick=False) as time:
        pages = []
        for number in range(6):
            person = Person(app.test_client(), f"+120255511{number:02}")
            person.client.environ_base["REMOTE_ADDR"] = f"203.0.113.{number // 3}"
            pages.append((person, person.asks_for_code()))
        time.shift(timedelta(seconds=61))
        answers = [person.post_blindly("/", **form_of(page)) for person, page in pages]
    assert [answer.status_code for answer in answers] == [303, 303, 429, 303, 429, 429]
    assert re.search(r"You can ask for one in \d+ minutes", said(answers[2]))


@given(nonce=st.text(max_size=9), puzzle=st.text(max_size=9), bits=st.integers(1, 14))
def test_what_solves_a_sum_solves_a_smaller_one(nonce, puzzle, bits):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "ITERATIONS", 1)
        if proof.solves(nonce, puzzle, bits):
            assert proof.solves(nonce, puzzle, bits - 1)


def test_a_puzzle_holds_no_number_and_no_key_of_one():
    app = make_app()
    with app.app_context():
        puzzle = proof._serializer(ALICE).dumps({"bits": 8})
        key = phone_key(ALICE, app.extensions["settings"].phone_key_bytes)
    assert len(puzzle) < 80
    assert key[:8] not in puzzle
