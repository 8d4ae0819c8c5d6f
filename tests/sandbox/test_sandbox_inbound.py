"""Customers text back: what is posted to the app, and what becomes of its answer."""

from dataclasses import replace

import pytest
from twilio.request_validator import RequestValidator

from smsapp.sandbox import inbox
from smsapp.sandbox.inbound.customers import BadText
from smsapp.sandbox.testing import running
from tests.sandbox.desk import ACCOUNT, CUSTOMER, SHOP, TOKEN


def texts(sandbox, number=CUSTOMER):
    return [(t.direction, t.body) for t in sandbox.texts(number)]


def answers(sandbox):
    return [(r.answer, r.tries) for t in sandbox.texts(CUSTOMER) for r in t.receipts]


def answering(shop, receiver, *answers):
    receiver.answers = list(answers)
    sid = shop.text(CUSTOMER, "Where is it?")
    shop.settle()
    return sid


def xml(inner):
    return "text/xml; charset=utf-8", f"<?xml version='1.0'?><Response>{inner}</Response>"


def test_a_text_is_posted_signed_with_twilios_fields_in_order(shop, receiver):
    sid = shop.text(CUSTOMER, "Där? ñ & 1+1")
    shop.settle()
    (posted,) = receiver.posted
    assert posted.url == f"{receiver.base}/twilio/inbound"
    assert list(posted.fields.items()) == [
        ("ToCountry", "US"),
        ("ToState", ""),
        ("SmsMessageSid", sid),
        ("NumMedia", "0"),
        ("ToCity", ""),
        ("FromZip", ""),
        ("SmsSid", sid),
        ("FromState", ""),
        ("SmsStatus", "received"),
        ("FromCity", ""),
        ("Body", "Där? ñ & 1+1"),
        ("FromCountry", "US"),
        ("To", SHOP),
        ("ToZip", ""),
        ("NumSegments", "1"),
        ("MessageSid", sid),
        ("AccountSid", ACCOUNT),
        ("From", CUSTOMER),
        ("ApiVersion", "2010-04-01"),
    ]
    signature = posted.headers["X-Twilio-Signature"]
    assert RequestValidator(TOKEN).validate(posted.url, posted.fields, signature)
    assert posted.headers["User-Agent"] == "TwilioProxy/1.1"
    assert posted.headers["I-Twilio-Idempotency-Token"]


def test_a_text_is_a_message_of_the_account_but_not_one_it_sent(shop, connect, receiver):
    client = connect(shop)
    sid = shop.text(CUSTOMER, "Hello")
    message = client.messages(sid).fetch()
    assert (message.direction, message.status) == ("inbound", "received")
    assert (message.to, message.from_, message.body) == (SHOP, CUSTOMER, "Hello")
    assert [m.sid for m in client.messages.list(to=SHOP)] == [sid]
    assert client.messages.list(to=CUSTOMER) == []
    assert shop.messages() == []


def test_a_customers_texts_arrive_in_order(shop, receiver):
    wanted = [str(i) for i in range(50)]
    for body in wanted:
        shop.text(CUSTOMER, body)
    shop.settle()
    assert [p.fields["Body"] for p in receiver.posted] == wanted


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (xml(""), []),
        (("text/xml", "<Response/>"), []),
        (("text/xml", ""), []),
        (204, []),
        (xml("<Message>On its way &amp; near</Message>"), ["On its way & near"]),
        (xml("<Message><Body>One</Body></Message><Message>Two</Message>"), ["One", "Two"]),
        (xml("<Message/>"), []),
        (("text/plain", "OK"), ["OK"]),
    ],
)
def test_the_answer_is_obeyed(shop, receiver, answer, wanted):
    answering(shop, receiver, answer)
    assert texts(shop)[1:] == [("outbound-reply", body) for body in wanted]


def test_a_reply_is_a_text_of_the_apps(shop, connect, receiver):
    answering(shop, receiver, xml('<Message statusCallback="/replied">On its way</Message>'))
    (reply,) = shop.messages()
    assert (reply["to"], reply["from"], reply["status"]) == (CUSTOMER, SHOP, "delivered")
    assert connect(shop).messages(reply["sid"]).fetch().direction == "outbound-reply"
    assert [p.url for p in receiver.posted[1:]] == [f"{receiver.base}/replied"] * 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (("text/xml", "<Response><Message>"), "12100"),
        (("text/xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><Response>&a;</Response>"), "12100"),
        (("text/xml", "<Message>Hi</Message>"), "12102"),
        (("application/json", "{}"), "12300"),
    ],
)
def test_an_answer_that_is_no_twiml_sends_nothing_and_says_so(shop, receiver, answer, code):
    answering(shop, receiver, answer)
    assert len(texts(shop)) == 1
    assert f"cannot read it: {code}" in answers(shop)[0][0]


def test_an_app_that_fails_is_asked_again(shop, receiver):
    answering(shop, receiver, 500, 403, xml("<Message>Here</Message>"))
    assert len(receiver.posted) == 3
    assert len({p.headers["I-Twilio-Idempotency-Token"] for p in receiver.posted}) == 1
    assert answers(shop) == [("200", 3)]
    assert texts(shop)[1:] == [("outbound-reply", "Here")]


def test_the_address_and_its_patience_can_be_set(config, receiver):
    other = f"{receiver.base}/other"
    with running(replace(config, public_base_url="http://x", inbound_url=other)) as shop:
        answering(shop, receiver, 500)
        assert [p.url for p in receiver.posted] == [other]
        assert answers(shop) == [("500", 1)]


def test_without_an_app_a_text_is_only_kept(sandbox):
    sandbox.text(CUSTOMER, "Anybody?")
    sandbox.settle()
    assert texts(sandbox) == [("inbound", "Anybody?")]


@pytest.mark.parametrize(
    ("number", "body"),
    [(CUSTOMER, " "), (CUSTOMER, "x" * 1601), ("5558675310", "Hi"), (SHOP, "Hi")],
)
def test_a_text_that_no_phone_would_send_is_refused(shop, number, body):
    with pytest.raises(BadText):
        shop.text(number, body)
    assert inbox.count(shop.desk) == (0, 0)


def test_a_lost_text_is_kept_and_listed_but_never_posted(shop, connect, receiver):
    shop.weather(lost_inbound=100)
    sid = shop.text(CUSTOMER, "Hello?")
    shop.settle()
    assert receiver.posted == []
    assert texts(shop) == [("inbound", "Hello?")]
    (listed,) = connect(shop).messages.list(to=SHOP)
    assert (listed.sid, listed.direction, listed.from_) == (sid, "inbound", CUSTOMER)
    assert (listed.body, listed.status) == ("Hello?", "received")


def test_a_repeated_text_is_the_same_twice(shop, receiver):
    shop.weather(repeated_inbound=100)
    shop.text(CUSTOMER, "Hello?")
    shop.settle()
    first, second = receiver.posted
    assert first.fields == second.fields
    token = "I-Twilio-Idempotency-Token"
    assert first.headers[token] == second.headers[token]


def test_a_text_left_over_is_posted_after_a_restart(config, receiver):
    told = replace(config, public_base_url=receiver.base)
    with running(told) as before:
        before.scheduler.stop()
        before.text(CUSTOMER, "Still there?")
    with running(told) as after:
        after.settle()
    assert [p.fields["Body"] for p in receiver.posted] == ["Still there?"]
