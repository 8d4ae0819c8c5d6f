"""What gunicorn with our settings reads and refuses: nobody in front may have read it otherwise."""

import json
import socket
import time
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from smsapp.web.server import LINGER_SECONDS
from tests.conftest import shipment
from tests.system import get, installation, wait_for

SECONDS = 10.0
GET = b"GET /healthz HTTP/1.1\r\nHost: sms.example.com\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: sms.example.com\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
WHOLE = b"5\r\nhello\r\n0\r\n\r\n"


class Answer(NamedTuple):
    status: int
    fields: dict[str, str]
    body: bytes


class Caller:
    """Somebody on a raw connection."""

    def __init__(self, url, key):
        self.key = key
        self.socket = socket.create_connection((urlsplit(url).hostname, urlsplit(url).port))
        self.socket.settimeout(SECONDS)
        self.stream = self.socket.makefile("rb")

    def post(self, *fields, body=b"", path="/api/order-shipped-sms"):
        """Begin a request with these fields of its head; return its answer."""
        return self.says(self.head(*fields, path=path) + body)

    def head(self, *fields, path="/api/order-shipped-sms"):
        """Return the head of an event of this caller's."""
        first = [f"POST {path} HTTP/1.1", "Host: sms.example.com", "Content-Type: application/json"]
        lines = [*first, f"Authorization: Bearer {self.key}", *fields, "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def says(self, data):
        self.socket.sendall(data)
        return self.hears()

    def hears(self):
        """Return the next answer; None where the connection has ended."""
        first = self.stream.readline()
        if not first:
            return None
        fields = {}
        while line := self.stream.readline().strip():
            name, _, value = line.decode().partition(": ")
            fields[name] = value
        return Answer(
            int(first.split()[1]), fields, self.stream.read(int(fields["Content-Length"]))
        )

    def is_hung_up_on(self):
        return self.stream.read() == b""

    def close(self):
        self.stream.close()
        self.socket.close()


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    folder = tmp_path_factory.mktemp("http")
    with installation(f"sqlite:///{folder}/http.sqlite3", folder) as system:
        yield system


@pytest.fixture(scope="module")
def web(system):
    return system.web()[0]


@pytest.fixture
def caller(system, web):
    with closing(Caller(web, system.key)) as caller:
        yield caller


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 5", CHUNKED),
        (CHUNKED, "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: 5, 5",),
        (CHUNKED, CHUNKED),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: identity",),
        ("Content-Length: -5",),
        ("Content-Length: 0x5",),
        ("Content-Length: +5",),
        ("Content-Length : 5",),
        ("Content-Length:\r\n 5",),
    ],
)
def test_a_body_that_two_may_measure_differently_is_refused_with_all_behind_it(caller, fields):
    answer = caller.post(*fields, body=WHOLE + HIDDEN)
    assert answer.status == 400
    assert caller.is_hung_up_on()


@pytest.mark.parametrize(
    "body",
    [
        b"five\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"4\r\nhello\r\n0\r\n\r\n",
        b"6\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5;\r\n\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_a_body_whose_chunks_cannot_be_read_is_an_invalid_request(caller, body):
    answer = caller.post(CHUNKED, body=body + HIDDEN)
    assert answer.status == 400
    assert json.loads(answer.body)["error"] == "invalid_request"
    assert caller.is_hung_up_on()


def test_a_form_whose_chunks_cannot_be_read_is_an_invalid_request(caller):
    form = "Content-Type: application/x-www-form-urlencoded"
    head = f"POST /twilio/inbound HTTP/1.1\r\nHost: a\r\n{form}\r\n{CHUNKED}\r\n\r\n"
    answer = caller.says(head.encode() + b"five\r\nhello\r\n0\r\n\r\n")
    assert (answer.status, answer.fields["Content-Type"][:10]) == (400, "text/plain")


def test_an_event_may_come_in_chunks(caller):
    event = json.dumps(shipment("order-in-chunks")).encode()
    chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (20, event[:20], len(event) - 20, event[20:])
    answer = caller.post(CHUNKED, "Prefer: respond-async", body=chunks)
    assert answer.status == 202


def test_a_body_too_large_is_refused_by_its_length_before_it_comes(caller):
    answer = caller.post(f"Content-Length: {16 * 1024 + 1}")
    assert (answer.status, json.loads(answer.body)["error"]) == (413, "body_too_large")


def test_chunks_that_are_too_large_together_are_refused(caller):
    chunk = b"1000\r\n%b\r\n" % (b" " * 4096)
    answer = caller.post(CHUNKED, body=5 * chunk + b"0\r\n\r\n")
    assert (answer.status, json.loads(answer.body)["error"]) == (413, "body_too_large")
    assert caller.says(GET).status == 200


def test_a_connection_is_kept_and_answers_in_order(caller):
    answers = [caller.says(GET), caller.says(GET + HIDDEN + GET), caller.hears(), caller.hears()]
    assert [answer.status for answer in answers] == [200, 200, 404, 200]


@pytest.mark.parametrize(
    "data",
    [
        b"GET /hunter2?phone=%2B15558675310\r\n\r\n",
        b"GET /hunter2 HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nAuthorization Bearer hunter2\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: hunter2\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: hunter2\r\n\r\n",
        b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"hunter2" * 1000),
    ],
)
def test_what_is_refused_is_handed_back_to_nobody(system, caller, data):
    answer = caller.says(data)
    assert answer.status in {400, 414, 417, 501}
    assert b"hunter2" not in answer.body
    wait_for(lambda: "Invalid request" in system.logs())
    assert "hunter2" not in system.logs()
    assert "ip=127" not in system.logs()


def test_no_header_says_who_called_or_how(caller):
    fields = "Script_Name: /x\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n"
    answer = caller.says(GET.replace(b"\r\n\r\n", f"\r\n{fields}\r\n".encode()))
    assert answer.status == 200


def test_a_process_that_ends_hangs_up_on_who_rests_within_three_seconds(system, web):
    url, process = system.web()
    with closing(Caller(url, system.key)) as resting, closing(Caller(url, system.key)) as silent:
        assert resting.says(GET).fields["Connection"] == "keep-alive"
        began = time.monotonic()
        process.terminate()
        assert resting.is_hung_up_on()
        assert silent.is_hung_up_on()
        assert process.wait(SECONDS) == 0
        assert LINGER_SECONDS < time.monotonic() - began < 3


def test_a_process_that_ends_answers_who_waits_for_room_too(system, web):
    system.sandbox.weather(latency_ms=1500)
    url, process = system.web(WEB_THREADS="1")
    with closing(Caller(url, system.key)) as first, closing(Caller(url, system.key)) as second:
        event = json.dumps(shipment("order-at-the-end")).encode()
        first.socket.sendall(first.head(f"Content-Length: {len(event)}") + event)
        path = "/api/deliveries?eventId=order-at-the-end"
        wait_for(lambda: get(web, system.key, path).get("status") == "sending")
        second.socket.sendall(GET)
        second.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):  # there is room for one
            second.socket.recv(1, socket.MSG_PEEK)
        second.socket.settimeout(SECONDS)
        process.terminate()
        answers = [first.hears(), second.hears()]
        told = [(answer.status, answer.fields["Connection"]) for answer in answers]
        assert told == [(202, "close"), (200, "close")]
        assert json.loads(answers[0].body)["status"] == "sent"
        assert process.wait(SECONDS) == 0
