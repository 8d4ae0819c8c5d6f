"""Reading the account: what Twilio says, what is certain when it fails, and the time there."""

from datetime import UTC, datetime, timedelta

import pytest

from smsapp import clock
from smsapp.providers.account import (
    Account,
    DatedClient,
    MessagingService,
    Number,
    Reader,
    Voice,
    Webhook,
)
from smsapp.providers.http_client import rest_client
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from tests.providers.raw_server import ACCOUNT, http, raw

NUMBER = "+15005550006"
URL = "https://sms.example.com/twilio/inbound"
VOICE = "https://sms.example.com/twilio/voice"
SILENT = Voice(False, Webhook("", "POST"), "", Webhook("", "POST"), False)


@pytest.fixture
def reader(serve):
    def connect(*answers, url=None):
        server = serve(*answers)
        url = url or server.url
        return Reader(rest_client(ACCOUNT, ACCOUNT, "a-token", url, 2.0, DatedClient))

    return connect


ACTIVE = {"status": "active", "type": "Full"}


def numbers(*found):
    return http(200, {"incoming_phone_numbers": list(found), "uri": "/", "next_page_uri": None})


def number(**changes):
    return {
        "phone_number": NUMBER,
        "capabilities": {"sms": True, "voice": False},
        "sms_url": URL,
        "sms_method": "POST",
        "sms_application_sid": "",
    } | changes


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        ("active", "Full", Account("active", False)),
        ("suspended", "Trial", Account("suspended", True)),
    ],
)
def test_an_account_is_read(reader, status, kind, expected):
    assert reader(http(200, {"status": status, "type": kind})).account() == expected


def test_a_number_is_read(reader):
    expected = Number(NUMBER, True, Webhook(URL, "POST"), False, SILENT)
    assert reader(numbers(number())).number(NUMBER) == expected


def test_a_number_without_anything_is_read(reader):
    bare = number(capabilities=None, sms_url=None, sms_method=None, sms_application_sid="AP1")
    expected = Number(NUMBER, False, Webhook("", "POST"), True, SILENT)
    assert reader(numbers(bare)).number(NUMBER) == expected


def test_where_its_calls_lead_is_read_too(reader):
    calls = {"voice_url": f"{VOICE}/incoming", "voice_method": "GET", "trunk_sid": "TK1"}
    told = {"voice_fallback_url": f"{VOICE}/fallback", "status_callback": f"{VOICE}/status"}
    found = reader(numbers(number(capabilities={"voice": True}, **calls, **told))).number(NUMBER)
    assert found.voice == Voice(
        True,
        Webhook(f"{VOICE}/incoming", "GET"),
        f"{VOICE}/fallback",
        Webhook(f"{VOICE}/status", "POST"),
        True,
    )


def test_a_number_that_only_holds_ours_is_not_ours(reader):
    """Twilio finds by parts: +15005550006 is a part of +150055500061."""
    assert reader(numbers(number(phone_number=NUMBER + "1"))).number(NUMBER) is None
    assert reader(numbers()).number(NUMBER) is None


def test_a_messaging_service_is_read_with_its_senders(reader):
    meta = {"next_page_url": None}
    found = reader(
        http(200, {"inbound_request_url": URL, "use_inbound_webhook_on_number": True}),
        http(
            200,
            {"phone_numbers": [{"phone_number": NUMBER}], "meta": meta | {"key": "phone_numbers"}},
        ),
        http(200, {"short_codes": [], "meta": meta | {"key": "short_codes"}}),
    ).messaging_service("MG" + "1" * 32)
    assert found == MessagingService(Webhook(URL, "POST"), True, (NUMBER,), False)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (http(401, {"code": 20003}), Refused(401, 20003, None)),
        (http(404, {"code": 20404}), Refused(404, 20404, None)),
        (http(503, {"code": 20503}), Unknown("server_error", 503, 20503)),
        (http(200, b"<html>"), Unknown("bad_answer", None, None)),
        (raw(b"nonsense\r\n\r\n"), Unknown("bad_answer", None, None)),
    ],
)
def test_a_failure_says_what_is_certain(reader, answer, expected):
    assert reader(answer).account() == expected


def test_what_cannot_be_reached_is_unwritten(reader):
    assert isinstance(reader(url="http://127.0.0.1:9").account(), Unwritten)


def date(at):
    return f"Date: {at:%a, %d %b %Y %H:%M:%S} GMT"


@pytest.mark.parametrize("status", [200, 401])
@pytest.mark.parametrize("seconds", [0, 90, -90])
def test_twilios_time_is_taken_from_any_answer(reader, status, seconds):
    there = clock.now() + timedelta(seconds=seconds)
    account = reader(http(status, ACTIVE, date(there)))
    assert account.skew is None
    account.account()
    assert abs(account.skew.total_seconds() - seconds) <= 2


@pytest.mark.parametrize("value", ["", "yesterday", "Sat, 99 Foo 2026"])
def test_a_date_that_cannot_be_read_is_none(reader, value):
    account = reader(http(200, ACTIVE, f"Date: {value}"))
    assert account.account() == Account("active", False)
    assert account.skew is None


def test_a_date_without_a_zone_is_utc(reader):
    there = datetime.now(UTC)
    account = reader(http(200, ACTIVE, f"Date: {there:%a, %d %b %Y %H:%M:%S} -0000"))
    account.account()
    assert abs(account.skew.total_seconds()) <= 2
