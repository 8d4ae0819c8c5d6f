"""Status callbacks: signed as Twilio's, in order, tried again as Twilio does."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from urllib.parse import urldefrag

import pytest
from twilio.request_validator import RequestValidator

from smsapp.sandbox.callbacks import connection_overrides
from smsapp.sandbox.callbacks.connection_overrides import ConnectionOverrides
from smsapp.sandbox.testing import running
from tests.sandbox.desk import ACCOUNT, CUSTOMER, MESSAGING, SHOP, TOKEN
from tests.system import free_port


def tries(sandbox, sid):
    (text,) = [t for t in sandbox.texts(CUSTOMER) if t.sid == sid]
    return [(r.status, r.answer, r.tries) for r in text.receipts]


def test_receipts_are_signed_and_carry_twilios_fields_in_order(sandbox, send, receiver):
    url = receiver.url + "?attempt=1"
    sid = send(status_callback=url + "#rc=2&rp=5xx").sid
    sandbox.settle()
    sent, delivered = receiver.posted
    assert list(sent.fields.items()) == [
        ("SmsSid", sid),
        ("SmsStatus", "sent"),
        ("MessageStatus", "sent"),
        ("To", CUSTOMER),
        ("MessageSid", sid),
        ("AccountSid", ACCOUNT),
        ("From", SHOP),
        ("ApiVersion", "2010-04-01"),
    ]
    assert next(iter(delivered.fields)) == "RawDlrDoneDate"
    assert re.fullmatch(r"\d{10}", delivered.fields["RawDlrDoneDate"])
    for posted in receiver.posted:
        signature = posted.headers["X-Twilio-Signature"]
        assert posted.url == url
        assert RequestValidator(TOKEN).validate(url, posted.fields, signature)
        assert not RequestValidator("other").validate(url, posted.fields, signature)
        assert posted.headers["User-Agent"] == "TwilioProxy/1.1"
        assert posted.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert posted.headers["X-Home-Region"] == "us1"
        assert posted.headers["Accept"] == "*/*"
    tokens = {posted.headers["I-Twilio-Idempotency-Token"] for posted in receiver.posted}
    assert len(tokens) == 2


@pytest.mark.parametrize(
    ("sender", "first"),
    [({"from_": SHOP}, []), ({"messaging_service_sid": MESSAGING}, ["queued"])],
)
def test_the_first_receipt_of_a_messaging_service_is_queued(
    sandbox, client, receiver, sender, first
):
    client.messages.create(to=CUSTOMER, body="Hi", status_callback=receiver.url, **sender)
    sandbox.settle()
    assert receiver.statuses() == [*first, "sent", "delivered"]


def test_a_failure_says_why(sandbox, client, send, receiver):
    sandbox.weather(carrier_error=30003)
    sid = send(status_callback=receiver.url).sid
    sandbox.settle()
    assert receiver.statuses() == ["sent", "undelivered"]
    assert receiver.posted[1].fields["ErrorCode"] == "30003"
    message = client.messages(sid).fetch()
    assert (message.error_code, message.error_message) == (30003, "Unreachable destination handset")


def test_a_receipt_refused_by_the_app_is_not_tried_again(sandbox, send, receiver):
    receiver.answers = [500, 403]
    sid = send(status_callback=receiver.url).sid
    sandbox.settle()
    assert tries(sandbox, sid) == [("sent", "500", 1), ("delivered", "403", 1)]


def test_nobody_listening_is_tried_once_more(sandbox, send):
    sid = send(status_callback=f"http://127.0.0.1:{free_port()}/x").sid
    sandbox.settle()
    assert tries(sandbox, sid) == [
        ("sent", "no connection", 2),
        ("delivered", "no connection", 2),
    ]


@pytest.mark.parametrize(
    ("fragment", "answers", "expected"),
    [
        ("rc=3&rp=5xx", [500, 503, 204], 3),
        ("rc=1&rp=5xx", [500, 503, 204], 2),
        ("rc=3&rp=5xx", [404], 1),
        ("rc=3&rp=4xx,5xx", [404, 500], 3),
        ("rc=5&rp=all", [500, 403, 500], 4),
        ("rc=0&rp=all", [500], 1),
        ("rp=ct", [500], 1),
        ("rc=2&rp=rt&rt=100", [0.4], 2),
        ("rc=2&rp=5xx&rt=100", [0.4], 1),
    ],
)
def test_the_addresss_fragment_steers_the_tries(
    sandbox, send, receiver, fragment, answers, expected
):
    sandbox.weather(carrier_error=30007)  # one receipt: failed
    receiver.answers = list(answers)
    sid = send(status_callback=f"{receiver.url}#{fragment}").sid
    sandbox.settle()
    assert tries(sandbox, sid)[0][2] == expected
    assert receiver.statuses() == ["failed"] * expected
    assert len({p.headers["I-Twilio-Idempotency-Token"] for p in receiver.posted}) == 1
    assert {p.url for p in receiver.posted} == {urldefrag(receiver.url).url}


def test_overrides_are_kept_within_twilios_bounds():
    assert connection_overrides.of(
        "http://a/#ct=1&rt=99999&tt=x&rc=9&rp=all"
    ) == ConnectionOverrides(
        connect_timeout=0.1,
        read_timeout=15.0,
        total_time=15.0,
        retries=5,
        retry_on=frozenset({"all"}),
    )
    assert connection_overrides.of("http://a/") == ConnectionOverrides()


def test_a_receipt_for_another_machine_stays_here(sandbox, send):
    sid = send(status_callback="https://shop.example/x").sid
    sandbox.settle()
    assert all("not an address on this machine" in answer for _, answer, _ in tries(sandbox, sid))


def test_receipts_and_statuses_go_on_after_a_restart(config, connect, receiver):
    with running(replace(config, pace=100.0)) as before:
        send = connect(before).messages.create
        sid = send(to=CUSTOMER, from_=SHOP, body="Hi", status_callback=receiver.url).sid
        before.weather(latency_ms=5)
    with closing(sqlite3.connect(config.database)) as db, db:
        db.execute("UPDATE status SET due_at = 0 WHERE happened_at IS NULL")
    with running(config) as after:
        after.settle()
        assert [m["status"] for m in after.messages()] == ["delivered"]
        assert after.weather()["latency_ms"] == 5
    assert receiver.statuses(sid) == ["sent", "delivered"]


def test_a_burst_loses_no_text_and_no_receipt(sandbox, send, receiver):
    with ThreadPoolExecutor(32) as pool:
        sids = list(pool.map(lambda i: send(status_callback=receiver.url).sid, range(300)))
    sandbox.settle(30)
    assert sorted(m["sid"] for m in sandbox.messages()) == sorted(sids)
    for sid in sids:
        assert receiver.statuses(sid) == ["sent", "delivered"]
