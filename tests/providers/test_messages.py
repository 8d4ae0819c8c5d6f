import gc
import io
import logging
import socket
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs

import pytest

from smsapp import clock
from smsapp.providers.messages import Sent
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from tests.providers.raw_server import (
    ACCOUNT,
    SID,
    created,
    hang_up,
    http,
    raw,
    reset,
    silence,
    then_hang_up,
    trickle,
)

TO = "+15558675310"
BODY = "Your order 1001 has shipped."
CALLBACK = "https://shop.example/twilio/status-callback?attempt=7"


def send(client, to=TO, body=BODY, **sender):
    sender = sender or {"from_number": "+15005550006"}
    return client.send(to=to, body=body, status_callback=CALLBACK, **sender)


def form(request):
    return parse_qs(request.partition(b"\r\n\r\n")[2].decode(), strict_parsing=True)


# What Twilio gets


def test_a_text_is_one_post_to_the_accounts_messages(serve, twilio):
    server = serve(created())
    assert send(twilio(server)) == Sent(SID, "queued", 1)
    assert len(server.requests) == 1
    start = f"POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1\r\n"
    assert server.requests[0].startswith(start.encode())
    assert form(server.requests[0]) == {
        "To": [TO],
        "Body": [BODY],
        "StatusCallback": [CALLBACK],
        "From": ["+15005550006"],
    }


def test_a_messaging_service_takes_the_place_of_the_sender(serve, twilio):
    server = serve(created(status="accepted", num_segments="0"))
    result = send(twilio(server), messaging_service_sid="MG" + "1" * 32)
    assert result == Sent(SID, "accepted", None)
    assert form(server.requests[0])["MessagingServiceSid"] == ["MG" + "1" * 32]
    assert "From" not in form(server.requests[0])


@pytest.mark.parametrize(
    "text", ["Hi\r\nX-Evil: 1\r\n\r\nGET / HTTP/1.1", "a&To=+1999&b", "%0d%0a", "שלום 😀 ñ", "\0"]
)
def test_no_text_can_become_a_header_or_another_field(serve, twilio, text):
    server = serve(created())
    assert isinstance(send(twilio(server), to=text, body=text), Sent)
    assert len(server.requests) == 1
    assert b"X-Evil" not in server.requests[0].partition(b"\r\n\r\n")[0]
    assert form(server.requests[0])["To"] == [text]
    assert form(server.requests[0])["Body"] == [text]


def test_half_a_surrogate_pair_does_not_stop_a_text(serve, twilio):
    server = serve(created())
    assert isinstance(send(twilio(server), body="a\ud83db"), Sent)
    assert form(server.requests[0])["Body"] == ["a?b"]


def test_the_region_and_edge_of_the_environment_change_nothing_with_a_base_url(
    serve, twilio, monkeypatch
):
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    assert send(twilio(serve(created()))) == Sent(SID, "queued", 1)


def test_the_region_and_edge_of_the_environment_name_twilios_host(serve, twilio, monkeypatch):
    proxy = serve(http(503))  # refuses, so that nothing leaves this machine
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    assert send(twilio(None)) == Unwritten("connect")
    assert proxy.requests[0].startswith(b"CONNECT api.dublin.ie1.twilio.com:443 ")


# What Twilio answers

UNREADABLE = Unknown("bad_answer", None, None)
PROBLEM = {"type": "https://x", "title": "Bad", "status": 200, "code": 20001, "detail": TO}
# What each answer is taken for, by the promise that it keeps.
ANSWERS = {
    "any 2xx with a Message SID is sent": [
        (http(200, {"sid": SID}), Sent(SID, "queued", None)),
        (http(200, {"sid": "MM" + "0" * 32}), Sent("MM" + "0" * 32, "queued", None)),
    ],
    "what else is said of a message does not matter": [
        (
            created(date_created="Sat, 99 Nov 2026 99:99:99 +0000", price={}),
            Sent(SID, "queued", 1),
        ),
    ],
    "a status that nobody knows counts as queued": [
        (created(status=status), Sent(SID, understood, 1))
        for status, understood in (
            ("sending", "sending"),
            ("failed", "failed"),
            ("teleported", "queued"),
            (7, "queued"),
        )
    ],
    "segments are a count or not known": [
        (created(num_segments=digits), Sent(SID, "queued", segments))
        for digits, segments in (("3", 3), ("0", None), ("many", None), (2, None), ("-1", None))
    ],
    "a 2xx without a message leaves the outcome unknown": [
        *[
            (created(sid=sid), UNREADABLE)
            for sid in (None, "", SID.upper(), SID + "\n", "CA" + "a" * 32, {"a": 1})
        ],
        *[
            (http(201, body), UNREADABLE)
            for body in (
                b"",
                b"<html>Welcome</html>",
                b'{"sid": "SM',
                b"\xff\xfe\x00",
                b"[" * 100_000,
                [SID],
                b"null",
            )
        ],
        (http(204), UNREADABLE),
    ],
    "a 4xx is refused with Twilio's code": [
        (
            http(status, {"code": code, "message": f"{TO} is bad", "status": status}),
            Refused(status, code, None),
        )
        for status, code in ((400, 21211), (401, 20003), (404, 20404), (429, 63038))
    ],
    "a 4xx in the form of RFC 9457 is read too": [(http(400, PROBLEM), Refused(400, 20001, None))],
    "a 4xx that is not Twilio's is refused without a code": [
        (http(403, body), Refused(403, None, None))
        for body in (
            b"",
            b"<html>Blocked by the proxy</html>",
            b"null",
            b"[21211]",
            b'{"message":"no"}',
            b'{"code":"21211"}',
            b'{"code":true}',
            b'{"code":400}',
            b'{"code":%d}' % 10**30,
            b'{"code":%s}' % (b"9" * 5000),
            b"[" * 100_000,
            b"\xff",
        )
    ],
    "a Retry-After that says nothing is ignored": [
        (http(429, {"code": 20429}, f"Retry-After: {value}"), Refused(429, 20429, None))
        for value in (
            "soon",
            "",
            "9" * 30,
            "-7",
            "0",
            "nan",
            "Fri, 01 Jan 2010 00:00:00 GMT",
            "Someday, 99 Foo",
        )
    ],
    "a 5xx or a 408 leaves the outcome unknown": [
        (http(408), Unknown("timeout", 408, None)),
        *[
            (
                http(status, {"code": code} if code else b"Bad gateway", "Retry-After: 1"),
                Unknown("server_error", status, code),
            )
            for status, code in ((500, 20500), (503, 20503), (502, None), (599, None))
        ],
    ],
    "no answer makes the client ask twice": [
        (http(status, b"", header), Refused(status, None, None))
        for status, header in (
            (401, 'WWW-Authenticate: Basic realm="x"'),
            (401, 'WWW-Authenticate: Digest realm="x", nonce="y"'),
            (407, 'Proxy-Authenticate: Basic realm="x"'),
            (417, "Connection: keep-alive"),
            (421, "Connection: keep-alive"),
            (425, "Retry-After: 0"),
        )
    ],
    "garbage leaves the outcome unknown": [
        (raw(b"hello there\r\n\r\n"), UNREADABLE),
        (raw(b"HTTP/2.0 wat\r\n\r\n"), UNREADABLE),
        *[
            (raw(line + b"\r\nContent-Length: 99\r\n\r\n{"), Unknown("reset", status, None))
            for line, status in ((b"HTTP/1.1 201 Created", 201), (b"HTTP/1.1 400 Bad", 400))
        ],
    ],
}


@pytest.mark.parametrize("promise", ANSWERS)
def test_each_answer_is_taken_for_what_it_says_after_one_request(serve, twilio, promise):
    for answer, expected in ANSWERS[promise]:
        server = serve(answer)
        assert send(twilio(server)) == expected
        assert len(server.requests) == 1


def in_an_hour():
    return format_datetime(clock.now() + timedelta(hours=1), usegmt=True)


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("Retry-After: 7", 7, 7),
        ("retry-after:   7", 7, 7),
        (f"Retry-After: {in_an_hour()}", 3000, 3600),
        ("Retry-After: 999999", 21_600, 21_600),
        ("Retry-After: Fri, 01 Jan 2100 00:00:00 GMT", 21_600, 21_600),
    ],
    ids=["seconds", "lower-case", "in-an-hour", "too-many", "far-away"],
)
def test_retry_after_is_read_in_both_forms_and_capped(serve, twilio, header, low, high):
    result = send(twilio(serve(http(429, {"code": 20429}, header))))
    assert (result.http_status, result.code) == (429, 20429)
    assert low <= result.retry_after <= high


def test_retry_after_is_not_remembered(serve, twilio):
    server = serve(http(429, {"code": 20429}, "Retry-After: 9"), http(429, {"code": 20429}))
    client = twilio(server)
    assert [send(client).retry_after, send(client).retry_after] == [9.0, None]
    assert server.connections == 1


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_not_followed(serve, twilio, status):
    elsewhere = serve(created())
    server = serve(http(status, b"", f"Location: {elsewhere.url}/2010-04-01/"))
    assert send(twilio(server)) == Unknown("bad_answer", status, None)
    assert (len(server.requests), elsewhere.connections) == (1, 0)


# What happens on the way


def test_texts_share_a_kept_alive_connection(serve, twilio):
    server = serve(created())
    client = twilio(server)
    assert [send(client) for _ in range(5)] == [Sent(SID, "queued", 1)] * 5
    assert server.connections == 1


@pytest.mark.parametrize("end", [reset, hang_up])
@pytest.mark.parametrize("body", [BODY, "x" * 1600])
def test_a_kept_alive_connection_that_dies_does_not_repeat_the_text(serve, twilio, end, body):
    server = serve(created(), end, created())
    client = twilio(server)
    assert isinstance(send(client, body="the first"), Sent)
    assert send(client, body=body) == Unknown("reset", None, None)
    server.settle()
    assert [form(request)["Body"] for request in server.requests] == [["the first"], [body]]
    assert server.connections == 1
    assert isinstance(send(client, body="the third"), Sent)
    assert (len(server.requests), server.connections) == (3, 2)


@pytest.mark.parametrize("end", [reset, hang_up])
def test_a_new_connection_that_dies_does_not_repeat_the_text(serve, twilio, end):
    server = serve(end)
    assert send(twilio(server)) == Unknown("reset", None, None)
    assert len(server.requests) == 1


def test_a_connection_that_the_server_closed_at_rest_costs_no_text(serve, twilio):
    server = serve(then_hang_up(created()))
    client = twilio(server)
    for _ in range(3):
        assert isinstance(send(client), Sent)
        server.settle()
    assert len(server.requests) == 3


@pytest.mark.parametrize("answer", [silence, trickle])
def test_a_slow_answer_ends_at_the_deadline_and_is_unknown(serve, twilio, answer):
    server = serve(answer)
    began = time.monotonic()
    result = send(twilio(server, timeout_seconds=0.4))
    assert result == Unknown("timeout", 201 if answer is trickle else None, None)
    assert 0.3 < time.monotonic() - began < 1.5
    assert len(server.requests) == 1


def test_after_a_timeout_the_late_answer_is_nobody_elses(serve, twilio):
    def late(connection):
        time.sleep(0.3)
        created(sid="SM" + "b" * 32)(connection)

    server = serve(late, created())
    client = twilio(server, timeout_seconds=0.15)
    assert send(client) == Unknown("timeout", None, None)
    time.sleep(0.3)
    assert send(client) == Sent(SID, "queued", 1)


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def test_a_refused_port_and_an_unresolvable_name_are_unwritten(twilio, closed_port):
    assert send(twilio(closed_port)) == Unwritten("connect")
    assert send(twilio("http://no-such-host.invalid")) == Unwritten("dns")


def test_a_certificate_that_nobody_vouches_for_is_unwritten(serve, twilio):
    server = serve(created(), tls=True)
    assert send(twilio(server)) == Unwritten("tls")
    assert server.requests == []


no_tls = raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("end", [no_tls, reset, hang_up])
def test_a_handshake_that_fails_is_unwritten(twilio, end):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def one_hello():
            connection, _ = listener.accept()
            connection.recv(65536)
            end(connection)

        thread = threading.Thread(target=one_hello)
        thread.start()
        assert send(twilio(f"https://127.0.0.1:{listener.getsockname()[1]}")) == Unwritten("tls")
        thread.join()


def test_a_handshake_that_takes_too_long_is_unwritten(twilio):
    # The listener's backlog accepts the connection; nobody ever reads from it.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = twilio(f"https://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=0.4)
        began = time.monotonic()
        assert send(client) == Unwritten("timeout")
        assert time.monotonic() - began < 1.5


# Many at once


def test_64_threads_share_one_client_and_none_gets_anothers_answer(serve, twilio):
    def answer(request):
        digits = form(request)["To"][0].removeprefix("+")
        if digits.endswith("7"):
            return http(429, {"code": 20429}, f"Retry-After: {int(digits) % 1000 + 1}")
        return created(sid=f"SM{int(digits):032x}")

    server = serve()
    server.choose = answer
    client = twilio(server, timeout_seconds=30)

    def one(number):
        return number, send(client, to=f"+{number}")

    with ThreadPoolExecutor(64) as pool:
        results = list(pool.map(one, range(15550000000, 15550001280)))
    for number, result in results:
        if number % 10 == 7:
            assert result == Refused(429, 20429, float(number % 1000 + 1))
        else:
            assert result == Sent(f"SM{number:032x}", "queued", 1)
    assert len(server.requests) == 1280
    assert server.connections <= 64


# What stays behind


def test_nothing_is_logged_about_a_text(serve, twilio, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("twilio", "twilio.http_client", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    server = serve(created(), http(400, {"code": 21211, "message": f"{TO} is bad"}), reset)
    client = twilio(server)
    results = [send(client) for _ in range(3)]
    assert [type(result) for result in results] == [Sent, Refused, Unknown]
    assert caplog.text == ""
    assert TO[1:] not in repr(results)


def test_neither_body_nor_token_stays_in_memory_after_a_call(serve, twilio):
    class Text(str):
        """A text whose life can be watched."""

    for answer, expected in ((created(), Sent), (reset, Unknown)):
        server = serve(answer)
        client = twilio(server)
        body = Text("a body that nobody else has")
        watched = weakref.ref(body)
        assert isinstance(send(client, body=body), expected)
        server.requests.clear()
        del body
        gc.collect()
        assert watched() is None
        buffers = [o for o in gc.get_objects() if isinstance(o, io.BytesIO) and not o.closed]
        assert not [o for o in buffers if b"nobody+else" in o.getvalue()]


# Blanking


def listed(**changes):
    return http(
        200,
        {
            "sid": SID,
            "body": "",
            "status": "delivered",
            "direction": "outbound-api",
            "error_code": None,
            "date_created": "Sat, 21 Nov 2026 12:57:05 +0000",
        }
        | changes,
    )


def test_blanking_is_one_post_of_an_empty_body(serve, twilio):
    server = serve(listed())
    assert twilio(server).blank(SID).body == ""
    assert len(server.requests) == 1
    start = f"POST /2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}.json HTTP/1.1\r\n"
    assert server.requests[0].startswith(start.encode())
    assert server.requests[0].partition(b"\r\n\r\n")[2] == b"Body="


def test_what_twilio_does_not_blank_is_told(serve, twilio):
    assert twilio(serve(http(409, {"code": 20009}))).blank(SID) == Refused(409, 20009, None)
    assert twilio(serve(listed(body="Hello"))).blank(SID).body == "Hello"
    assert isinstance(twilio(serve(http(503))).blank(SID), Unknown)
    assert isinstance(twilio(serve(http(200, b"<html>"))).blank(SID), Unknown)
