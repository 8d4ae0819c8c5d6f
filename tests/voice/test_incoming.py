"""Calls to the shop at its doors: who rings is written down, and hears only what is theirs."""

import time

import pytest

from smsapp import phone_menu
from smsapp.models import Call, Delivery, Phone
from smsapp.phone import phone_key
from tests.conftest import ALICE, BOB, ENVIRONMENT, KEY, on_one_database, report, settings_of, sid
from tests.voice.conftest import VOICE, Twilio, call_sid, fields, verbs, words

MENU = {
    "TWILIO_VOICE_FROM": VOICE,
    "VOICE_MENU": str(phone_menu.EXAMPLE_FILE),
    "VOICE_NUMBERS": "shop=+12025550100,orders=+12025550101",
    "QUIET_HOURS": "none",
}
INCOMING = "/twilio/voice/incoming"


@pytest.fixture
def line(app):
    with settings_of(app, **MENU):
        yield Twilio(app)


def gathers(document):
    return document.find("Gather").get("action")


def key_of(address):
    return phone_key(address, ENVIRONMENT["PHONE_KEY"].encode())


def test_who_rings_is_written_down_and_hears_the_menu(line, rows):
    document = line.asks(INCOMING, fields("incoming_call"))
    assert verbs(document) == ["Gather", "Redirect"]
    call = rows.one(Call)
    assert (call.sid, call.direction, call.phone_key) == (call_sid(), "inbound", KEY)
    line.asks(INCOMING, fields("incoming_call"))  # asked twice
    assert len(rows.all(Call)) == 1


def test_what_they_press_and_how_it_ends_is_in_the_row(line, rows):
    document = line.asks(INCOMING, fields("incoming_call"))
    document = line.asks(gathers(document), fields("gather_digits", Digits="1"))
    document = line.asks(gathers(document), fields("gather_digits", Digits="1"))
    line.asks(gathers(document), fields("gather_finished_on_key", Digits="1001"))
    ended = fields("status_completed", Direction="inbound", SequenceNumber="0")
    assert line.posts("/twilio/voice/status", ended).status_code == 204
    call = rows.one(Call)
    assert (call.keys, call.status, call.seconds) == ("1 1 1001", "completed", 49)


@on_one_database
def test_a_caller_without_a_number_and_one_whose_number_is_forged_are_nobody(line, rows):
    line.asks(INCOMING, fields("incoming_call_withheld"))
    forged = fields("incoming_call", CallSid=call_sid(2), StirVerstat="TN-Validation-Failed-C")
    line.asks(INCOMING, forged)
    assert {call.phone_key for call in rows.all(Call)} == {key_of("anonymous"), key_of("forged")}
    assert {phone.e164 for phone in rows.all(Phone)} == {None}


def test_an_order_is_told_to_its_owner_alone_by_the_words_of_their_text(
    app, shop, line, twilio, rows
):
    shop.ships("order-1-shipped", orderId="A-1001")
    report(app, rows.attempts[0].id, sid(1), "delivered")
    order = "/twilio/voice/order?at=orders&lang=en&miss=0&step=3"
    asked = fields("gather_finished_on_key", Digits="1001")
    line.asks(INCOMING, fields("incoming_call"))
    assert words(line.asks(order, asked))[0] == "Your order A-1 0 0 1 has shipped."
    bobs = {"CallSid": call_sid(2), "From": BOB}
    line.asks(INCOMING, fields("incoming_call", **bobs))
    said = words(line.asks(order, asked | bobs))[0]
    assert said == "We know of no order with this number of yours."


@on_one_database
@pytest.mark.parametrize(
    ("path", "name", "first"),
    [
        ("menu", "gather_speech", "We did not understand that."),
        ("menu", "gather_empty_with_actionOnEmptyResult", "We did not hear anything."),
        ("dialed", "dial_action_no_answer", "Nobody can come to the phone right now."),
        ("dialed", "dial_action_answered", None),
        ("recorded", "record_action", "Thank you. We have your message. Goodbye."),
        ("recorded", "record_action_caller_hung_up", None),
        ("fallback", "fallback", "We are sorry. Something went wrong on our side."),
    ],
)
def test_all_that_twilio_asks_is_answered_with_words(line, path, name, first):
    said = words(line.asks(f"/twilio/voice/{path}?at=welcome&lang=en&miss=0&step=1", fields(name)))
    assert said[0].startswith(first) if first else said == []


@on_one_database
def test_what_becomes_of_another_leg_is_no_call_of_its_own(line, rows):
    assert line.posts("/twilio/voice/status", fields("child_leg_status")).status_code == 204
    assert rows.all(Call) == []


@on_one_database
def test_another_accounts_call_is_hung_up_and_not_written_down(line, rows):
    said = line.asks(INCOMING, fields("incoming_call", AccountSid="AC" + "f" * 32))
    assert verbs(said) == ["Hangup"]
    assert rows.all(Call) == []


@on_one_database
def test_without_a_menu_they_are_told_that_we_take_no_calls(app, line):
    with settings_of(app, TWILIO_VOICE_FROM=VOICE):
        assert words(line.asks(INCOMING, fields("incoming_call"))) == [
            "We take no calls on this number. Please write us a text. Goodbye."
        ]


@pytest.mark.long
def test_each_step_is_answered_within_a_tenth_of_a_second(app, shop, line, write, now):
    line.asks(INCOMING, fields("incoming_call"))
    place = "at=orders&lang=en&miss=0&step=3"
    steps = {
        INCOMING: fields("incoming_call", CallSid=call_sid(9)),
        f"/twilio/voice/menu?{place}": fields("gather_digits"),
        f"/twilio/voice/order?{place}": fields("gather_finished_on_key", Digits="1001"),
    }
    for path, said in steps.items():
        took = []
        for _ in range(30):
            began = time.perf_counter()
            line.asks(path, said)
            took.append(time.perf_counter() - began)
        assert sorted(took)[27] < 0.1, path


def test_of_deliveries_nothing_is_changed_by_a_call(shop, line, twilio, rows):
    shop.ships()
    before = rows.all(Delivery)
    line.asks(INCOMING, fields("incoming_call", From=ALICE))
    line.asks("/twilio/voice/order?at=orders&lang=en&miss=0&step=3", fields("gather_digits"))
    assert rows.all(Delivery) == before
