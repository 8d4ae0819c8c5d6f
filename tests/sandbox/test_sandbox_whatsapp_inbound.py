"""What customers send over WhatsApp, as it is posted; and the shop that is seen typing."""

import json
from pathlib import Path

import pytest
import requests
from sqlalchemy import update
from twilio.request_validator import RequestValidator

from smsapp.sandbox import carrier, inbox
from smsapp.sandbox.message import Message
from smsapp.sandbox.whatsapp import typing_indicator
from smsapp.sandbox.whatsapp.templates import ready_sid
from smsapp.sandbox.whatsapp.typing_indicator import Typing
from tests.sandbox.desk import (
    ACCOUNT,
    CUSTOMER,
    ON_WHATSAPP,
    SHOP,
    TOKEN,
    WHATSAPP_SHOP,
    refused,
)

REMINDER = ready_sid("appointment_reminder", "en")
VALUES = {"1": "Fri, Dec 4, 14:00", "2": "Main Street 1"}
WHO = '{"type":"whatsapp","data":{"context":{"ProfileName":"Ann","WaId":"15558675310"}}}'


@pytest.fixture
def client(shop, connect):
    return connect(shop)


@pytest.fixture
def reminder(shop, client):
    """A template with buttons has arrived."""
    sent = client.messages.create(
        to=ON_WHATSAPP,
        from_=WHATSAPP_SHOP,
        content_sid=REMINDER,
        content_variables=json.dumps(VALUES),
    )
    shop.settle()
    return sent.sid


def posted_fields(shop, receiver):
    shop.settle()
    posted = receiver.posted[-1]
    signature = posted.headers["X-Twilio-Signature"]
    assert RequestValidator(TOKEN).validate(posted.url, posted.fields, signature)
    assert posted.url == f"{receiver.base}/twilio/inbound"
    return list(posted.fields.items())


def usual(sid, body, message_type="text", media="0"):
    return [
        ("SmsMessageSid", sid),
        ("NumMedia", media),
        ("ProfileName", "Ann"),
        ("MessageType", message_type),
        ("SmsSid", sid),
        ("WaId", "15558675310"),
        ("SmsStatus", "received"),
        ("Body", body),
        ("To", WHATSAPP_SHOP),
        ("NumSegments", "1"),
        ("ReferralNumMedia", "0"),
        ("MessageSid", sid),
        ("AccountSid", ACCOUNT),
        ("ChannelMetadata", WHO),
        ("From", ON_WHATSAPP),
        ("ApiVersion", "2010-04-01"),
    ]


@pytest.mark.parametrize("body", ["Där? ñ & 1+1", "STOP"])
def test_words_are_posted_with_twilios_fields_in_order_and_nothing_else_happens(
    shop, receiver, body
):
    sid = shop.text(ON_WHATSAPP, body)
    assert posted_fields(shop, receiver) == usual(sid, body)
    assert [t.sid for t in shop.texts(ON_WHATSAPP)] == [sid]
    assert not shop.opted_out(ON_WHATSAPP)
    assert not shop.opted_out(CUSTOMER)


def test_each_channel_has_a_conversation_of_its_own(shop, receiver):
    shop.text(CUSTOMER, "By text")
    shop.text(ON_WHATSAPP, "On WhatsApp")
    found = [(c.number, c.channel) for c in inbox.conversations(shop.desk)]
    assert found == [(CUSTOMER, "whatsapp"), (CUSTOMER, "sms")]


def test_the_apps_answer_comes_back_over_whatsapp(shop, client, receiver):
    receiver.answers = [("text/xml", "<Response><Message>Hello</Message></Response>")]
    shop.text(ON_WHATSAPP, "Hello?")
    shop.settle()
    (reply,) = client.messages.list(to=ON_WHATSAPP)
    assert (reply.from_, reply.body, reply.status) == (WHATSAPP_SHOP, "Hello", "delivered")


def test_a_press_of_a_button_says_which_and_under_what(shop, reminder, receiver):
    shop.press(reminder, "confirm")
    sid = shop.texts(ON_WHATSAPP)[-1].sid
    assert posted_fields(shop, receiver) == [
        *usual(sid, "Confirm", "interactive"),
        ("ButtonText", "Confirm"),
        ("ButtonPayload", "confirm"),
        ("Forwarded", "false"),
        ("FrequentlyForwarded", "false"),
        ("OriginalRepliedMessageSid", reminder),
        ("OriginalRepliedMessageSender", WHATSAPP_SHOP),
    ]


def test_a_press_opens_the_window(shop, client, reminder):
    shop.press(reminder, "stop")
    sent = client.messages.create(to=ON_WHATSAPP, from_=WHATSAPP_SHOP, body="Goodbye")
    shop.settle()
    assert client.messages(sent.sid).fetch().status == "delivered"


def test_after_a_week_twilio_no_longer_knows_what_a_press_is_under(shop, reminder, receiver):
    with shop.desk.database.write() as db:
        db.execute(update(Message).values(created_at=Message.created_at - 8 * 24 * 3600))
    shop.press(reminder, "confirm")
    assert "OriginalRepliedMessageSid" not in dict(posted_fields(shop, receiver))


def test_a_button_that_there_is_not_cannot_be_pressed(shop, reminder):
    for sid in (reminder, shop.text(ON_WHATSAPP, "Hello")):
        form = {"sid": sid, "button": "refund"}
        answer = requests.post(f"{shop.url}/conversations/1/buttons", data=form, timeout=5)
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("name", "message_type", "body", "content_type", "file"),
    [
        ("picture", "image", "My parcel", "image/jpeg", "static/sandbox-picture.jpg"),
        ("voice", "audio", "", "audio/ogg", "static/sandbox-voice.ogg"),
    ],
)
def test_media_are_fetched_with_a_password(
    shop, client, receiver, name, message_type, body, content_type, file
):
    sid = shop.send_sample(ON_WHATSAPP, name)
    assert sid.startswith("MM")
    *fields, (_, url), type_ = posted_fields(shop, receiver)
    assert fields == usual(sid, body, message_type, "1")
    assert type_ == ("MediaContentType0", content_type)
    (listed,) = client.messages(sid).media.list()
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media/{listed.sid}"
    assert (url, listed.uri) == (f"https://api.twilio.com{path}", f"{path}.json")
    assert listed.content_type == client.messages(sid).media(listed.sid).fetch().content_type
    assert client.messages(sid).fetch().num_media == "1"
    assert requests.get(shop.url + path, timeout=5).status_code == 401
    signed_in = {"auth": (ACCOUNT, TOKEN), "timeout": 5}
    lies = requests.get(shop.url + path, allow_redirects=False, **signed_in)
    assert lies.status_code == 307
    assert requests.get(lies.headers["Location"], **signed_in).status_code == 400
    answer = requests.get(lies.headers["Location"], timeout=5)
    assert answer.headers["Content-Type"] == content_type
    assert answer.content == Path(file).read_bytes()
    other = requests.get(f"{shop.url}{path[:-1]}x", auth=(ACCOUNT, TOKEN), timeout=5)
    assert other.status_code == 404
    assert client.messages(sid).media(listed.sid).delete()
    assert requests.get(lies.headers["Location"], timeout=5).status_code == 404
    assert client.messages(sid).media.list() == []


def test_a_location_has_its_coordinates_and_no_words(shop, receiver):
    sid = shop.send_sample(ON_WHATSAPP, "location")
    assert posted_fields(shop, receiver) == [
        *usual(sid, "", "location"),
        ("Latitude", "51.51322977399644"),
        ("Longitude", "-0.2197976373036567"),
        ("Address", "187 Freston Road, London, Greater London W10 6TH"),
        ("Label", "The Harrow Club"),
    ]


def test_the_page_writes_on_whatsapp_and_sends_samples_there(shop, receiver):
    form = {"from": "+1 555 867 5310", "channel": "whatsapp", "body": "Hello"}
    requests.post(f"{shop.url}/texts", data=form, timeout=5)
    page = requests.post(
        f"{shop.url}/conversations/1/samples", data={"name": "location"}, timeout=5
    )
    assert "The Harrow Club" in page.text
    assert [(t.customer, t.sample) for t in shop.texts(ON_WHATSAPP)] == [
        (ON_WHATSAPP, None),
        (ON_WHATSAPP, "location"),
    ]


def test_a_text_may_bring_a_picture_and_no_place(shop, receiver):
    shop.text(CUSTOMER, "Hello")
    samples = f"{shop.url}/conversations/1/samples"
    assert requests.post(samples, data={"name": "location"}, timeout=5).status_code == 400
    requests.post(samples, data={"name": "picture"}, timeout=5)
    fields = dict(posted_fields(shop, receiver))
    assert (fields["From"], fields["NumMedia"], fields["Body"]) == (CUSTOMER, "1", "My parcel")
    assert fields["MediaUrl0"].startswith("https://api.twilio.com/2010-04-01/Accounts/")


def type_to(client, sid, channel="whatsapp"):
    return client.messaging.v2.typing_indicator.create(channel=channel, message_id=sid)


def test_the_shop_is_seen_typing_until_it_writes(shop, client, reminder, receiver):
    sid = shop.text(ON_WHATSAPP, "Hello?")
    assert type_to(client, sid).success is True
    page = requests.get(f"{shop.url}/conversations/1", timeout=5).text
    assert "The shop is typing" in page
    assert "Read</span>" in page
    shop.read(ON_WHATSAPP)
    assert typing_indicator.is_shown(shop.desk, ON_WHATSAPP)
    client.messages.create(to=ON_WHATSAPP, from_=WHATSAPP_SHOP, body="Hello")
    shop.settle()
    assert "is typing" not in requests.get(f"{shop.url}/conversations/1", timeout=5).text
    assert client.messages(sid).fetch().status == "received"


def test_typing_ends_by_itself_and_the_page_hears_of_it(shop, client, receiver):
    type_to(client, shop.text(ON_WHATSAPP, "Hello?"))
    shop.settle()
    with shop.desk.database.read() as db:
        until = db.get(Typing, ON_WHATSAPP).until
    carrier.move_due(shop.desk, until - 1)
    assert typing_indicator.is_shown(shop.desk, ON_WHATSAPP)
    revision = shop.desk.revision
    carrier.move_due(shop.desk, until)
    assert not typing_indicator.is_shown(shop.desk, ON_WHATSAPP)
    assert shop.desk.revision > revision


def test_typing_is_under_a_customers_whatsapp_message(shop, client, receiver):
    sent = client.messages.create(to=CUSTOMER, from_=SHOP, body="Hello").sid
    inbound = shop.text(ON_WHATSAPP, "Hello?")
    for sid, channel in (
        (sent, "whatsapp"),
        (shop.text(CUSTOMER, "Hello?"), "whatsapp"),
        ("SM" + "9" * 32, "whatsapp"),
        (inbound, "WHATSAPP"),
    ):
        assert refused(type_to, client, sid, channel) == (400, 20001)
