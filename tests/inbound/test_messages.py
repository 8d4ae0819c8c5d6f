"""Texts that people send: done what they ask for, once."""

import random
import threading
import unicodedata
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp import worker
from smsapp.inbound import keywords, messages
from smsapp.inbound.keywords import WORDS, Keyword
from smsapp.inbound.messages import Text
from smsapp.models import Attempt, Consent, Delivery, Inbound, OptOut
from tests.conftest import (
    ACCOUNT,
    ALICE,
    BOB,
    at_once,
    empty,
    opt_out,
    run_worker,
    settings_of,
    sid,
    text_in,
)


def text(app, body, number=1):
    return text_in(app, sid(number), ALICE, body)


@pytest.mark.parametrize(
    ("keyword", "word"), [(keyword, word) for keyword, words in WORDS.items() for word in words]
)
def test_a_keyword_is_read_in_any_case_with_blanks_around(keyword, word):
    assert keywords.read(word, None) is keyword
    assert keywords.read(f" {word.lower()}\n", None) is keyword
    assert keywords.read(f"{word} please", None) is None


STOPS = [
    "opt out",
    "opt-out",
    "Stop.",
    "STOP!",
    "“STOP”",
    "STOP 🛑",
    "ＳＴＯＰ",
    "ST\u200bOP",
    "STOP\ufe0f",
    "STOP ALL",
    "stop\n\nSent from my iPhone",
    "Unsubscribe\r\n-- \r\nAnn Smith, Example Ltd",
]


@pytest.mark.parametrize("body", STOPS)
def test_what_is_plainly_a_stop_stops(body):
    assert keywords.read(body, None) is Keyword.STOP


@pytest.mark.parametrize(
    "body",
    [
        "Cancel?",
        "Cancel\nmy order 1001",
        "quit :)",
        "end of the road",
        "Yes!",
        "START now",
        "help me",
        "stopover",
    ],
)
def test_what_may_mean_something_else_is_no_keyword(body):
    assert keywords.read(body, None) is None


@given(st.text(max_size=50))
def test_a_text_without_the_letters_of_a_keyword_is_none(body):
    letters = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", body).upper()))
    words = {word for words in WORDS.values() for word in words}
    if not any(word in letters for word in words):
        assert keywords.read(body, None) is None


@pytest.mark.parametrize(
    ("body", "sounds"),
    [
        ("please don't text me any more", True),
        ("opt me out", True),
        ("take me off your list", True),
        ("No more", True),
        ("Do not contact this number", True),
        ("how do I unsubscribe?", True),
        ("wrong number", True),
        ("Cancel?", True),
        ("Where is my order?", False),
        ("It was delivered to my neighbour, thanks", False),
    ],
)
def test_what_merely_sounds_like_a_stop_is_told_from_other_texts(body, sounds):
    assert keywords.sounds_like_stop(body) is sounds


@pytest.mark.parametrize("account", ["", "AC" + "9" * 32, ACCOUNT.lower()])
def test_a_text_to_another_account_stops_nothing(app, rows, caplog, account):
    with app.app_context():
        assert not messages.receive(Text(sid(1), ALICE, "STOP", None, account))
    assert rows.all(Inbound) == rows.all(OptOut) == []
    assert [record.message for record in caplog.records] == ["text to another account"]


def test_twilios_own_reading_rules():
    assert keywords.read("ARRÊT", "STOP") is Keyword.STOP
    assert keywords.read("STOP", "HELP") is Keyword.HELP
    assert keywords.read("STOP", "NEWS") is Keyword.STOP
    assert keywords.read("Stop.", " ") is Keyword.STOP


def test_stop_opts_out_and_suppresses_what_waits_to_be_claimed(app, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    assert text(app, "Stop") is True

    assert rows.one(OptOut).source == "text"
    assert rows.delivery.state == "suppressed"
    assert shop.ships("order-1002-shipped", orderId="1002").json["error"] == "opted_out"
    assert run_worker(app) == 0


def test_start_lifts_every_opt_out_and_grants_nothing(app, shop, twilio, rows):
    opt_out(app, ALICE)
    text(app, "STOP", 1)
    text(app, "START", 2)
    assert rows.all(Consent) == []
    assert shop.ships().status_code == 202


def test_the_same_text_twice_changes_nothing(app, rows):
    assert text(app, "STOP", 1) is True
    assert text(app, "START", 2) is True
    assert text(app, "STOP", 1) is False
    assert [row.lifted_at is None for row in rows.all(OptOut)] == [False]
    assert len(rows.all(Inbound)) == 2


def test_a_stop_after_a_start_is_a_new_opt_out(app, rows):
    for number, word in enumerate(["STOP", "START", "STOP", "STOP"]):
        text(app, word, number)
    assert sorted(row.lifted_at is None for row in rows.all(OptOut)) == [False, True]


def test_help_and_other_texts_are_kept_and_change_nothing(app, rows):
    text(app, "HELP", 1)
    text(app, "Where is my parcel? \N{PARTY POPPER}\0", 2)
    assert rows.all(OptOut) == []
    assert {row.body for row in rows.all(Inbound)} == {
        "HELP",
        "Where is my parcel? \N{PARTY POPPER}",
    }


def test_a_stop_is_for_its_own_number(app, shop, twilio):
    text(app, "STOP")
    assert shop.ships(phone=BOB).status_code == 202


@pytest.mark.parametrize("times", [2, pytest.param(10, marks=pytest.mark.long)])
def test_no_attempt_is_committed_after_its_numbers_stop(app, make_service, twilio, rows, times):
    """50 STOPs and 50 sends at once, by request and by worker, again and again."""
    for seed in range(times):
        with settings_of(app, API_RATE_LIMIT="1000000/minute"):
            race(app, make_service(), seed)
        stopped_at = {row.phone_key: row.created_at for row in rows.all(OptOut)}
        phone_of = {row.id: row.phone_key for row in rows.all(Delivery)}
        assert len(stopped_at) == len(phone_of) == 50
        for attempt in rows.all(Attempt):
            assert attempt.started_at < stopped_at[phone_of[attempt.delivery_id]]
        assert run_worker(app) == 0
        empty(app)


def race(app, shop, seed):
    """Stop 50 numbers while 25 texts wait for them and 25 are sent."""
    dice = random.Random(seed)
    numbers = [f"+1202555{number:04}" for number in dice.sample(range(10_000), 50)]
    events = [f"order-{number}" for number in numbers]
    for number, event in zip(numbers[:25], events, strict=False):
        shop.ships(event.replace("+", ""), phone=number, prefer="respond-async")
    barrier = threading.Barrier(4)

    def stop(some):
        barrier.wait()
        with app.app_context():
            for number in some:
                messages.receive(Text(f"SM{uuid4().hex}", number, "STOP", None))

    def send_others():
        barrier.wait()
        for number, event in zip(numbers[25:], events[25:], strict=True):
            shop.ships(event.replace("+", ""), phone=number)

    def send_waiting():
        barrier.wait()
        with app.app_context():
            for _ in range(3):
                worker.run_once()

    in_any_order = dice.sample(numbers, 50)
    some, others = in_any_order[:25], in_any_order[25:]
    at_once(lambda: stop(some), lambda: stop(others), send_others, send_waiting)
