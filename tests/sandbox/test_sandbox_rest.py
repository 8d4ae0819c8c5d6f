"""Twilio's REST protocol, as the unmodified SDK sees it."""

import re

import pytest
import requests

from tests.sandbox.desk import ACCOUNT, CUSTOMER, KEY, MESSAGING, SECRET, SHOP, TOKEN, refused


def post(sandbox, form=None, auth=(ACCOUNT, TOKEN), **more):
    url = f"{sandbox.url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    return requests.post(url, data=form, auth=auth, timeout=5, **more)


def test_a_text_is_queued_with_twilios_types(slow_sandbox):
    answer = post(slow_sandbox, {"To": CUSTOMER, "From": SHOP, "Body": "я" * 71})
    message = answer.json()
    sid = message["sid"]
    assert answer.status_code == 201
    assert re.fullmatch("SM[0-9a-f]{32}", sid)
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", message["date_created"])
    assert message == {
        "sid": sid,
        "date_created": message["date_created"],
        "date_updated": message["date_created"],
        "date_sent": None,
        "account_sid": ACCOUNT,
        "to": CUSTOMER,
        "from": SHOP,
        "messaging_service_sid": None,
        "body": "я" * 71,
        "status": "queued",
        "num_segments": "2",
        "num_media": "0",
        "direction": "outbound-api",
        "api_version": "2010-04-01",
        "price": None,
        "price_unit": "USD",
        "error_code": None,
        "error_message": None,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}.json",
        "subresource_uris": {"media": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media.json"},
    }
    assert answer.headers["Twilio-Request-Id"].startswith("RQ")
    assert answer.headers["X-Home-Region"] == "us1"


def test_a_text_is_delivered_and_billed(sandbox, client, send):
    sid = send().sid
    sandbox.settle()
    message = client.messages(sid).fetch()
    assert message.status == "delivered"
    assert message.price == "-0.00750"
    assert message.date_sent is not None


def test_a_messaging_service_knows_no_sender_yet(slow_sandbox, connect):
    message = connect(slow_sandbox).messages.create(
        to=CUSTOMER, messaging_service_sid=MESSAGING, body="Hello"
    )
    assert (message.status, message.from_, message.num_segments) == ("accepted", None, "0")
    assert (message.messaging_service_sid, message.price_unit) == (MESSAGING, None)


def test_a_messaging_service_picks_the_shops_number(sandbox, client):
    sid = client.messages.create(to=CUSTOMER, messaging_service_sid=MESSAGING, body="Hello").sid
    sandbox.settle()
    message = client.messages(sid).fetch()
    assert (message.status, message.from_, message.num_segments) == ("delivered", SHOP, "1")


def test_an_api_key_signs_in(sandbox, connect):
    message = connect(sandbox, KEY, SECRET).messages.create(to=CUSTOMER, from_=SHOP, body="Hi")
    assert message.sid


@pytest.mark.parametrize(
    "auth", [(ACCOUNT, "wrong"), (KEY, TOKEN), ("SK" + "9" * 32, SECRET), ("", ""), None]
)
def test_bad_or_no_credentials_are_20003_with_a_detail(sandbox, auth):
    answer = post(sandbox, {"To": CUSTOMER, "From": SHOP, "Body": "x"}, auth=auth)
    assert answer.status_code == 401
    assert answer.json() == {
        "code": 20003,
        "detail": "Your AccountSid or AuthToken was incorrect.",
        "message": "Authentication Error - invalid username",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }
    assert sandbox.messages() == []


def test_another_account_is_20003(sandbox):
    url = f"{sandbox.url}/2010-04-01/Accounts/AC{'9' * 32}/Messages.json"
    answer = requests.get(url, auth=(ACCOUNT, TOKEN), timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"To": ""}, 21604),
        ({"From": ""}, 21603),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"To": "5558675310"}, 21211),
        ({"To": "+1555"}, 21211),
        ({"To": SHOP}, 21211),
        ({"To": "+15005550001"}, 21211),
        ({"To": "+15005550002"}, 21612),
        ({"To": "+15005550003"}, 21408),
        ({"To": "+15005550004"}, 21610),
        ({"To": "+15005550009"}, 21614),
        ({"From": "SHOP"}, 21212),
        ({"From": "+15005550001"}, 21212),
        ({"From": "+15005550007"}, 21606),
        ({"From": "+15005550008"}, 21611),
        ({"From": "+14155550199"}, 21606),
        ({"MessagingServiceSid": "MG1"}, 21701),
        ({"StatusCallback": "ftp://shop.example/x"}, 21609),
        ({"StatusCallback": "http://my_shop.example/x"}, 21609),
        ({"StatusCallback": "/x"}, 21609),
    ],
)
def test_what_twilio_objects_to_is_a_400_with_its_code(sandbox, change, code):
    answer = post(sandbox, {"To": CUSTOMER, "From": SHOP, "Body": "Hi"} | change)
    body = answer.json()
    assert (answer.status_code, body["code"], body["status"]) == (400, code, 400)
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert body["message"]
    assert sandbox.messages() == []


def test_a_json_body_has_no_to(sandbox):
    answer = post(sandbox, json={"To": CUSTOMER, "From": SHOP, "Body": "Hi"})
    assert (answer.status_code, answer.json()["code"]) == (400, 21604)


def test_twilios_own_sender_for_tests_is_accepted(client):
    message = client.messages.create(to=CUSTOMER, from_="+15005550006", body="x" * 1600)
    assert message.num_segments == "11"


def test_the_sdk_raises_the_code(client):
    assert refused(client.messages.create, to="+15005550004", from_=SHOP, body="Hi") == (400, 21610)


@pytest.mark.parametrize("what", [f"Messages/SM{'9' * 32}.json", f"Calls/CA{'0' * 32}.json"])
def test_what_is_not_there_is_20404(sandbox, what):
    url = f"{sandbox.url}/2010-04-01/Accounts/{ACCOUNT}/{what}"
    answer = requests.get(url, auth=(ACCOUNT, TOKEN), timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)
    assert answer.json()["message"].endswith(f"{what} was not found")


def test_a_body_can_be_redacted(sandbox, client, send):
    sid = send().sid
    sandbox.settle()
    assert client.messages(sid).update(body="").body == ""
    assert client.messages(sid).fetch().body == ""


def test_a_body_that_has_not_left_cannot_be_redacted(slow_sandbox, connect):
    client = connect(slow_sandbox)
    sid = client.messages.create(to=CUSTOMER, from_=SHOP, body="Hi").sid
    assert refused(client.messages(sid).update, body="") == (409, 20009)
    assert client.messages(sid).fetch().body == "Hi"
