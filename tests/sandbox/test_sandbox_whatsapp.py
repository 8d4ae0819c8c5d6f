"""Sending over WhatsApp: the window, templates, receipts, and what Twilio refuses at once."""

import json
from datetime import timedelta

import pytest
import requests
from twilio.request_validator import RequestValidator

from smsapp.sandbox.errors import WHATSAPP_ERRORS
from smsapp.sandbox.whatsapp import templates
from smsapp.sandbox.whatsapp.templates import ready_sid
from smsapp.sandbox.whatsapp.windows import OPEN_FOR
from tests.sandbox.desk import (
    ACCOUNT,
    CUSTOMER,
    MESSAGING,
    ON_WHATSAPP,
    SHOP,
    TOKEN,
    WHATSAPP_SHOP,
    refused,
)

SHIPPED = ready_sid("order_shipped", "en")
VALUES = {"1": "1001", "2": "https://track.example/1001"}


@pytest.fixture
def write(client):
    """Send one message over WhatsApp, with words or with a template."""

    def write(body=None, to=ON_WHATSAPP, from_=WHATSAPP_SHOP, values=None, **more):
        if values is not None:
            more["content_variables"] = json.dumps(values)
        return client.messages.create(to=to, from_=from_, body=body, **more)

    return write


@pytest.fixture
def outcome(sandbox, client):
    """Return how a message ended: its status and its error code."""

    def outcome(message):
        sandbox.settle()
        found = client.messages(message.sid).fetch()
        return found.status, found.error_code

    return outcome


@pytest.fixture
def window(sandbox):
    """The customer has just written on WhatsApp."""
    sandbox.text(ON_WHATSAPP, "Hello")


def test_words_of_ones_own_arrive_within_the_window(sandbox, client, write, outcome, window):
    sent = write("We are open until six.")
    assert outcome(sent) == ("delivered", None)
    found = client.messages(sent.sid).fetch()
    assert (found.to, found.from_, found.num_segments) == (ON_WHATSAPP, WHATSAPP_SHOP, "1")
    assert found.price is None
    assert [m.sid for m in client.messages.list(to=ON_WHATSAPP)] == [sent.sid]
    assert client.messages.list(to=CUSTOMER) == []
    assert [(m["channel"], m["to"]) for m in sandbox.messages()] == [("whatsapp", ON_WHATSAPP)]


def test_without_a_window_they_are_accepted_and_fail(sandbox, write, outcome):
    sandbox.text(CUSTOMER, "A text opens no window of WhatsApp’s")
    assert outcome(write("Hello")) == ("undelivered", 63016)


def test_the_window_is_a_day_long_and_only_the_customer_extends_it(sandbox, write, outcome, window):
    minute = timedelta(minutes=1)
    sandbox.let_pass(OPEN_FOR - minute)
    assert outcome(write("Still?")) == ("delivered", None)
    sandbox.let_pass(2 * minute)
    assert outcome(write("And now?")) == ("undelivered", 63016)
    sandbox.text(ON_WHATSAPP, "Hello again")
    assert outcome(write("Hello")) == ("delivered", None)


def test_the_page_lets_25_hours_pass(sandbox, write, outcome, window):
    assert requests.post(f"{sandbox.url}/later", data={"hours": "25"}, timeout=5).ok
    assert outcome(write("Hello")) == ("undelivered", 63016)


def test_clearing_the_messages_closes_no_window(sandbox, write, outcome, window):
    sandbox.settle()
    sandbox.clear()
    assert outcome(write("Hello")) == ("delivered", None)


def test_a_template_arrives_at_any_time_with_its_gaps_filled(sandbox, client, write, outcome):
    sent = write(content_sid=SHIPPED, values=VALUES)
    assert sent.body.startswith("Your order 1001 has shipped.\nTracking: https://track.example/")
    assert outcome(sent) == ("delivered", None)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("pending", 63016),
        ("rejected", 63027),
        ("paused", 63041),
        ("disabled", 63042),
    ],
)
def test_a_template_has_to_be_approved(sandbox, write, outcome, window, status, code):
    templates.decide(sandbox.desk, SHIPPED, status)
    assert outcome(write(content_sid=SHIPPED, values=VALUES))[1] == code


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"1": "1001"}, 63028),
        (VALUES | {"3": "more"}, 63028),
        (None, 63028),
        (VALUES | {"2": ""}, 63013),
        (VALUES | {"2": "two\nlines"}, 63013),
        (VALUES | {"2": "a\ttab"}, 63013),
        (VALUES | {"2": "five     blanks"}, 63013),
        (VALUES | {"2": "four    blanks"}, None),
        (VALUES | {"2": "x" * 1000}, 63021),
    ],
)
def test_values_have_to_fit_the_template(write, outcome, values, code):
    assert outcome(write(content_sid=SHIPPED, values=values))[1] == code


def test_a_body_beside_a_template_makes_it_none(write, outcome, window):
    sent = write("Hello", content_sid=SHIPPED, values=VALUES)
    assert outcome(sent) == ("undelivered", 63016)


@pytest.mark.parametrize(("length", "code"), [(1024, None), (1025, 63021)])
def test_words_are_at_most_1024_characters(write, outcome, window, length, code):
    assert outcome(write("x" * length))[1] == code


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"to": CUSTOMER}, 21910),
        ({"from_": SHOP}, 21910),
        ({"from_": f"whatsapp:{SHOP}"}, 63007),
        ({"to": WHATSAPP_SHOP}, 63031),
        ({"to": "whatsapp:555"}, 21211),
        ({"content_sid": "HX" + "9" * 32}, 21655),
        ({"content_sid": "order_shipped"}, 21655),
        ({"content_sid": SHIPPED, "content_variables": {"1": "1001"}}, 21656),
        ({"content_sid": SHIPPED, "content_variables": "["}, 21656),
        ({"content_sid": SHIPPED, "content_variables": "[]"}, 21656),
        ({"content_sid": SHIPPED, "content_variables": '{"1": 1001}'}, 21656),
        ({"content_variables": '{"1": "1001"}'}, 92005),
        ({"body": None}, 21602),
        ({"body": "x" * 1601}, 21617),
    ],
)
def test_what_twilio_refuses_at_once(sandbox, write, wanted, code):
    assert refused(write, **{"body": "Hello"} | wanted) == (400, code)
    assert sandbox.messages() == []


def test_receipts_are_signed_and_carry_twilios_fields_in_order(sandbox, write, receiver):
    sid = write(content_sid=SHIPPED, values=VALUES, status_callback=receiver.url).sid
    sandbox.settle()
    sandbox.read(ON_WHATSAPP)
    sandbox.settle()
    assert receiver.statuses() == ["sent", "delivered", "read"]
    last = {"sent": ("StructuredMessage", "false"), "delivered": ("EventType", "DELIVERED")}
    for posted, status in zip(receiver.posted, ("sent", "delivered", "read"), strict=True):
        assert list(posted.fields.items()) == [
            ("SmsSid", sid),
            ("SmsStatus", status),
            ("MessageStatus", status),
            ("ChannelToAddress", "+1555867XXXX"),
            ("To", ON_WHATSAPP),
            ("ChannelPrefix", "whatsapp"),
            ("MessageSid", sid),
            ("AccountSid", ACCOUNT),
            ("From", WHATSAPP_SHOP),
            ("ApiVersion", "2010-04-01"),
            ("ChannelInstallSid", "XE" + "0" * 32),
            last.get(status, ("EventType", "READ")),
        ]
        signature = posted.headers["X-Twilio-Signature"]
        assert RequestValidator(TOKEN).validate(posted.url, posted.fields, signature)


def test_a_failure_says_why_in_the_channels_own_words(sandbox, write, receiver):
    write("Hello", status_callback=receiver.url)
    sandbox.settle()
    assert list(receiver.posted[-1].fields.items())[-3:] == [
        ("EventType", "UNDELIVERED"),
        ("ErrorCode", "63016"),
        (
            "ChannelStatusMessage",
            "Failed to send freeform message because you are outside the allowed window.",
        ),
    ]


def test_a_messaging_service_picks_the_whatsapp_sender(sandbox, client, receiver):
    sent = client.messages.create(
        to=ON_WHATSAPP,
        messaging_service_sid=MESSAGING,
        content_sid=SHIPPED,
        content_variables=json.dumps(VALUES),
        status_callback=receiver.url,
    )
    assert (sent.status, sent.from_) == ("accepted", None)
    sandbox.settle()
    assert receiver.statuses() == ["queued", "sent", "delivered"]
    assert client.messages(sent.sid).fetch().from_ == WHATSAPP_SHOP


@pytest.fixture
def arrived(sandbox, write, receiver):
    """A message has arrived and not been read yet; opening the phone's conversation reads it."""
    write(content_sid=SHIPPED, values=VALUES, status_callback=receiver.url)
    sandbox.settle()


def test_a_message_is_read_once_its_conversation_is_open(sandbox, arrived, receiver):
    requests.get(sandbox.url, timeout=5)
    sandbox.settle()
    assert receiver.statuses()[-1] == "delivered"
    for _ in range(2):
        page = requests.get(f"{sandbox.url}/conversations/1", timeout=5).text
    sandbox.settle()
    assert receiver.statuses() == ["sent", "delivered", "read"]
    assert "Read</span>" in page


def test_read_receipts_can_be_off(sandbox, arrived, receiver):
    sandbox.weather(read_receipts_off=1)
    requests.get(f"{sandbox.url}/conversations/1", timeout=5)
    sandbox.settle()
    assert receiver.statuses() == ["sent", "delivered"]


@pytest.mark.parametrize("code", WHATSAPP_ERRORS)
def test_the_weather_of_whatsapp_hits_whatsapp_alone(sandbox, client, write, outcome, code):
    sandbox.weather(whatsapp_error=code)
    sent = [write(content_sid=SHIPPED, values=VALUES), write("Outside the window")]
    text = client.messages.create(to=CUSTOMER, from_=SHOP, body="Hello")
    assert [outcome(each) for each in sent] == [(WHATSAPP_ERRORS[code].status, code)] * 2
    assert outcome(text) == ("delivered", None)


def test_the_carriers_weather_hits_no_whatsapp(sandbox, write, outcome):
    sandbox.weather(carrier_error=30003)
    assert outcome(write(content_sid=SHIPPED, values=VALUES)) == ("delivered", None)


def test_somebody_who_stopped_texts_has_not_stopped_whatsapp(sandbox, write, outcome):
    sandbox.text(CUSTOMER, "STOP")
    assert outcome(write(content_sid=SHIPPED, values=VALUES)) == ("delivered", None)
