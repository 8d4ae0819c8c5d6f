"""STOP, START and HELP, as Twilio itself handles them."""

import pytest

from smsapp.sandbox.inbound.keywords import REPLIES, keyword
from smsapp.sandbox.testing import running
from tests.sandbox.desk import CUSTOMER, MESSAGING, OTHER, SHOP, refused


def replies(sandbox, number=CUSTOMER):
    return [t.body for t in sandbox.texts(number) if t.direction == "keyword-reply"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        *[(word, "STOP") for word in ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END")],
        *[(word, "STOP") for word in ("QUIT", "REVOKE", "OPTOUT")],
        *[(word, "START") for word in ("START", "YES", "UNSTOP")],
        *[(word, "HELP") for word in ("HELP", "INFO")],
        ("stop", "STOP"),
        (" Stop\n", "STOP"),
        ("STOP PLEASE", None),
        ("STOP.", None),
        ("please stop", None),
        ("", None),
    ],
)
def test_a_keyword_stands_alone_in_any_case(body, expected):
    assert keyword(body) == expected


def test_after_stop_nothing_more_is_accepted_for_that_number_alone(sandbox, send):
    sandbox.text(CUSTOMER, "Stop ")
    assert refused(send) == (400, 21610)
    assert send(to=OTHER).sid
    assert [m["to"] for m in sandbox.messages()] == [OTHER]
    assert sandbox.opted_out(CUSTOMER)
    assert not sandbox.opted_out(OTHER)


def test_stop_holds_for_a_messaging_service_too(sandbox, client):
    sandbox.text(CUSTOMER, "STOP")
    more = {"to": CUSTOMER, "messaging_service_sid": MESSAGING, "body": "Hi"}
    assert refused(client.messages.create, **more) == (400, 21610)


def test_start_lets_texts_through_again(sandbox, send):
    sandbox.text(CUSTOMER, "STOP")
    sandbox.text(CUSTOMER, "unstop")
    assert send().sid
    assert replies(sandbox) == [REPLIES["STOP"], REPLIES["START"]]


def test_help_is_answered_unless_blocked(sandbox):
    sandbox.text(CUSTOMER, "help")
    sandbox.text(CUSTOMER, "STOP")
    sandbox.text(CUSTOMER, "INFO")
    assert replies(sandbox) == [REPLIES["HELP"], REPLIES["STOP"]]


def test_where_nothing_changes_nothing_is_answered(sandbox):
    sandbox.text(CUSTOMER, "YES")
    sandbox.text(CUSTOMER, "STOP")
    sandbox.text(CUSTOMER, "STOP")
    assert replies(sandbox) == [REPLIES["STOP"]]


def test_twilios_own_answers_are_replies_of_the_account_but_not_the_apps(sandbox, client):
    sandbox.text(CUSTOMER, "STOP")
    sandbox.settle()
    (reply,) = client.messages.list(to=CUSTOMER)
    assert (reply.direction, reply.from_, reply.status) == ("outbound-reply", SHOP, "delivered")
    assert sandbox.messages() == []


@pytest.mark.parametrize("word", ["STOP", "START", "HELP", "STOP PLEASE"])
def test_the_app_hears_every_keyword(shop, receiver, word):
    shop.text(CUSTOMER, word)
    shop.settle()
    assert [p.fields["Body"] for p in receiver.posted] == [word]
    assert "OptOutType" not in receiver.posted[0].fields


@pytest.mark.parametrize(
    ("word", "kind"), [("quit", "STOP"), ("YES", "START"), ("info", "HELP"), ("Hi", None)]
)
def test_with_advanced_opt_out_the_app_is_told_what_was_done(shop, receiver, word, kind):
    shop.weather(advanced_opt_out=1)
    shop.text(CUSTOMER, word)
    shop.settle()
    assert receiver.posted[0].fields.get("OptOutType") == kind


def test_a_reply_to_stop_is_blocked_and_says_so(shop, receiver):
    receiver.answers = [("text/xml", "<Response><Message>Sorry!</Message></Response>")]
    shop.text(CUSTOMER, "STOP")
    shop.settle()
    assert shop.messages() == []
    (text,) = [t for t in shop.texts(CUSTOMER) if t.direction == "inbound"]
    assert text.receipts[0].answer == "200, but its reply was blocked: 21610"


def test_a_stop_outlives_a_restart_and_a_cleared_desk(config, connect):
    with running(config) as before:
        before.text(CUSTOMER, "STOP")
        before.clear()
    with running(config) as after:
        send = connect(after).messages.create
        assert refused(send, to=CUSTOMER, from_=SHOP, body="Hi") == (400, 21610)
        after.reset()
        assert send(to=CUSTOMER, from_=SHOP, body="Hi").sid
