"""Where Verify's codes are seen, and where not."""

import re

import requests

from tests.sandbox.desk import CUSTOMER, OTHER, SHOP, check, refused, start


def bodies(sandbox, number=CUSTOMER):
    return [text.body for text in sandbox.texts(number)]


def test_the_code_arrives_as_a_text_of_verifys(sandbox, verify):
    start(verify)
    sandbox.settle()
    (text,) = sandbox.texts(CUSTOMER)
    assert text.body == f"Your Shop verification code is: {sandbox.codes()[0]['code']}"
    assert text.from_number != SHOP
    assert text.status == "delivered"


def test_a_call_reads_the_digits_out(sandbox, verify):
    start(verify, channel="call")
    assert bodies(sandbox) == [f"Call: your code is {' '.join(sandbox.codes()[0]['code'])}"]


def test_codes_are_no_messages_of_the_account(sandbox, client, verify):
    start(verify)
    (text,) = sandbox.texts(CUSTOMER)
    assert sandbox.messages() == []
    assert client.messages.list(to=CUSTOMER) == []
    assert refused(client.messages(text.sid).fetch) == (404, 20404)


def test_codes_json_lists_every_code_sent_newest_first(sandbox, verify):
    start(verify)
    sid = start(verify, to=OTHER, channel="call").sid
    newest, oldest = requests.get(f"{sandbox.url}/codes.json", timeout=5).json()["codes"]
    assert oldest["to"] == CUSTOMER
    assert newest == {
        "to": OTHER,
        "code": newest["code"],
        "channel": "call",
        "sid": sid,
        "createdAt": newest["createdAt"],
    }
    assert re.fullmatch(r"\d{6}", newest["code"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", newest["createdAt"])


def test_a_code_goes_out_whatever_was_stopped(sandbox, verify):
    sandbox.text(CUSTOMER, "STOP")
    start(verify)
    assert check(verify, sandbox).status == "approved"


def test_clearing_the_texts_forgets_no_verification(sandbox, verify):
    start(verify)
    sandbox.clear()
    assert check(verify, sandbox).status == "approved"


def test_codes_are_delivered_as_texts_are(sandbox, verify):
    sandbox.weather(carrier_error=30003)
    start(verify)
    sandbox.settle()
    assert sandbox.texts(CUSTOMER)[0].error_code == 30003
