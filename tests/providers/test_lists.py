"""What Twilio lists: page after page, all of it or none."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from smsapp.providers.outcomes import Refused, Unknown
from tests.providers.raw_server import ACCOUNT, http, reset

SHOP, CUSTOMER = "+15005550006", "+15558675310"
SERVICE = "MG" + "1" * 32
NOW = datetime.now(UTC).replace(microsecond=0)


def message(number, minutes_ago=1, **changes):
    return {
        "sid": f"SM{number:032x}",
        "to": SHOP,
        "from": CUSTOMER,
        "body": "STOP",
        "direction": "inbound",
        "status": "received",
        "error_code": None,
        "date_created": format_datetime(NOW - timedelta(minutes=minutes_ago)),
    } | changes


def page(*messages, following=None):
    uri = following and f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?{following}"
    return http(200, {"messages": list(messages), "next_page_uri": uri})


def services(key, *rows, following=None):
    url = following and f"https://messaging.twilio.com/v1/Services/{SERVICE}/{following}"
    return http(200, {"meta": {"key": key, "next_page_url": url}, key: list(rows)})


def test_a_text_that_came_in_says_from_whom_and_when(serve, twilio):
    server = serve(page(message(1)))
    (found,) = twilio(server).messages_with(SHOP, NOW - timedelta(hours=1))
    assert (found.sid, found.body, found.sender) == (f"SM{1:032x}", "STOP", CUSTOMER)
    assert not found.is_ours
    assert found.created_at == NOW - timedelta(minutes=1)
    assert server.requests[0].startswith(
        f"GET /2010-04-01/Accounts/{ACCOUNT}/Messages.json?To=%2B15005550006".encode()
    )


def test_pages_are_asked_for_until_they_are_too_old(serve, twilio):
    server = serve(
        page(message(3, 1), message(2, 2), following="Page=1&PageToken=PA2"),
        page(message(1, 3), message(0, 90), following="Page=2&PageToken=PA0"),
    )
    found = twilio(server).messages_with(SHOP, NOW - timedelta(hours=1))
    assert [listed.sid[-1] for listed in found] == ["3", "2", "1"]
    assert len(server.requests) == 2
    assert b"PageToken=PA2" in server.requests[1]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (http(401, {"code": 20003}), Refused(401, 20003, None)),
        (reset, Unknown("reset", None, None)),
        (http(200, b"<p>Maintenance</p>"), Unknown("bad_answer", None, None)),
    ],
)
def test_half_a_list_is_no_list(serve, twilio, answer, outcome):
    server = serve(page(message(1), following="Page=1"), answer)
    assert twilio(server).messages_with(SHOP, NOW - timedelta(hours=1)) == outcome
    first = services("phone_numbers", {"phone_number": SHOP})
    assert twilio(serve(first, answer)).senders_of(SERVICE) == outcome


def test_a_messaging_services_numbers_and_short_codes_are_all_found(serve, twilio):
    server = serve(
        services("phone_numbers", {"phone_number": "+15005550001"}, following="PhoneNumbers?P=1"),
        services("phone_numbers", {"phone_number": "+15005550002"}),
        services("short_codes", {"short_code": "12345"}),
    )
    assert twilio(server).senders_of(SERVICE) == ["+15005550001", "+15005550002", "12345"]
    paths = [request.split(b"?")[0] for request in server.requests]
    where = f"GET /v1/Services/{SERVICE}/".encode()
    assert paths == [where + b"PhoneNumbers"] * 2 + [where + b"ShortCodes"]
