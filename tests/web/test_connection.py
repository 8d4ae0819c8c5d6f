"""What is read of a request, and what is refused: nobody in front may have read it otherwise."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Thread

import pytest
from gevent.lock import BoundedSemaphore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsapp.web import connection
from smsapp.web.connection import Connection
from tests.conftest import make_app
from tests.web.wire import GET, echo, request, serving

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def web():
    with serving() as web:
        yield web


def statuses(web, data):
    """What is answered to some bytes, with a request behind them, until the connection ends."""
    return [answer.status for answer in web.dial(data + HIDDEN).answers()]


@pytest.mark.parametrize(
    "fields",
    [
        (b"Content-Length: 5", CHUNKED),
        (CHUNKED, b"Content-Length: 5"),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 5", b"Content-Length: 5"),
        (b"Content-Length: 5, 5",),
    ],
)
def test_a_request_with_two_lengths_is_refused(web, fields):
    assert statuses(web, request(*fields, body=b"0\r\n\r\n")) == [400]


@pytest.mark.parametrize(
    "length",
    [b"", b"-5", b"+5", b"0x5", b"5;", b"5 5", b"5.0", b"1_0", b"\xb2", b"five", b"9" * 23],
)
def test_a_length_that_is_no_number_is_refused(web, length):
    assert statuses(web, request(b"Content-Length: " + length, body=b"hello")) == [400]


@pytest.mark.parametrize("length", [b"65537", b"9223372036854775808", b"18446744073709551615"])
def test_a_body_that_is_too_large_is_left_unread(web, length):
    (answer,) = web.dial(request(b"Content-Length: " + length, body=b"hello")).answers()
    assert answer.told["CONTENT_LENGTH"] == length.decode()  # by which the app refuses it
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("codings", "status"),
    [
        (b"", 400),
        (b"identity", 400),
        (b"xchunked", 400),
        (b"chunked, identity", 400),
        (b"chunked, chunked", 400),
        (b"chunked;q=1", 400),
        (b'"chunked"', 400),
        (b"chunked\x0b", 400),
        (b"identity\r\nTransfer-Encoding: chunked", 501),
        (b"gzip, chunked", 501),
        (b"x,chunked", 501),
        (b",chunked", 501),
    ],
)
def test_a_transfer_encoding_other_than_chunked_is_refused(web, codings, status):
    data = request(b"Transfer-Encoding: " + codings, body=b"0\r\n\r\n")
    assert statuses(web, data) == [status]


def test_http_1_0_knows_no_transfer_encoding(web):
    fields = (CHUNKED, b"Connection: keep-alive")
    data = request(*fields, first=b"POST / HTTP/1.0", body=b"0\r\n\r\n")
    assert statuses(web, data) == [501]


@pytest.mark.parametrize(
    "chunk",
    [
        b"-3\r\nabc\r\n",
        b"+3\r\nabc\r\n",
        b"0x3\r\nabc\r\n",
        b"3 \r\nabc\r\n",
        b" 3\r\nabc\r\n",
        b"3_0\r\nabc\r\n",
        b"3\nabc\r\n",
        b"3\r\nabc\n",
        b"3\r\nabc\r",
        b"3\r\nabcd\r\n",
        b"3\r\nabc",
        b"3;a=b\nabc\r\n",
        b'3;a="\n"\r\nabc\r\n',
        b"g\r\n",
        b"\r\n",
        b"f" * 17 + b"\r\n",
    ],
)
def test_a_chunk_of_doubtful_size_is_refused(web, chunk):
    assert statuses(web, request(CHUNKED, body=chunk + b"0\r\n\r\n")) == [400]


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\r\nX: b\r\n\r\n",
        b"GET / HTTP/1.1\rHost: a\r\n\r\n",
    ],
)
def test_a_line_that_does_not_end_with_crlf_is_refused(web, head):
    assert statuses(web, head) == [400]


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Length : 5",
        b"Content-Length\t: 5",
        b" Content-Length: 5",
        b"X: a\r\n b",
        b"Content-Length:\r\n 5",
        b"Transfer-Encoding:\r\n chunked",
        b"X: \x00",
        b"X: \x0b",
        b"X\xe9: a",
        b"X(a): b",
        b": a",
        b"X",
    ],
)
def test_a_field_that_is_folded_or_misspelt_is_refused(web, field):
    assert statuses(web, request(field, body=b"hello")) == [400]


@pytest.mark.parametrize("field", [b"Host: b", b"Content-Type: a/b\r\nContent-Type: c/d"])
def test_two_hosts_and_two_content_types_are_refused(web, field):
    assert statuses(web, request(field)) == [400]


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.2",
        b"GET / HTTP/1.10",
        b"GET / HTTP/3.0",
        b"GET  / HTTP/1.1 ",
        b"GET /a b HTTP/1.1",
        b"GET /\xc3\xa9 HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b"GET sms.example.com HTTP/1.1",
        b"get / HTTP/1.1",
        b"CALL / HTTP/1.1",
        b"PRI * HTTP/2.0\r\n\r\nSM",
        b"\x16\x03\x01\x02\x00\x01\x00",  # TLS
        b"HTTP/1.1 200 OK",
    ],
)
def test_what_is_no_request_of_http_1_is_refused(web, first):
    assert statuses(web, request(first=first)) == [400]


@pytest.mark.parametrize("first", [b"GET /", b"GET / HTTP/0.9", b"GET / HTTP/2.0"])
def test_another_version_is_refused(web, first):
    assert statuses(web, request(b"Connection: keep-alive", first=first)) == [505]


def test_what_is_refused_is_not_handed_back(web):
    (answer,) = web.dial(b"GET /+15558675310 HTTP/1.1\r\nHost\r\n\r\n").answers()
    assert answer.body == b"Bad Request\n"
    assert answer.headers["connection"] == "close"


def test_a_field_cannot_pass_for_another(web):
    fields = b"X_Forwarded_For: 6.6.6.6", b"X-Forwarded_For: 6.6.6.6", b"Content_Length: 5"
    told = web.dial(request(*fields, b"X-Forwarded-For: 1.1.1.1")).answer().told
    assert told["HTTP_X_FORWARDED_FOR"] == "1.1.1.1"
    assert "6.6.6.6" not in told.values()
    assert "CONTENT_LENGTH" not in told


def test_fields_of_one_name_are_one(web):
    fields = b"Accept: a/b", b"Cookie: a=1", b"accept: c/d", b"COOKIE: b=2", b"X:\t y \t ", b"E:"
    told = web.dial(request(*fields)).answer().told
    assert told["HTTP_ACCEPT"] == "a/b,c/d"
    assert told["HTTP_COOKIE"] == "a=1;b=2"
    assert told["HTTP_X"] == "y"  # no space around it is part of it
    assert told["HTTP_E"] == ""


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n" + b"X: %s\r\n" % (b"x" * 70_000),
        b"GET /%s HTTP/1.1\r\n" % (b"x" * 70_000),
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: x\r\n" % n for n in range(10_000)),
        b"\r\n" * 70_000,
    ],
)
def test_a_head_that_is_too_large_is_refused(web, data):
    assert web.dial(data).answer().status == 431


def test_a_head_with_too_many_fields_is_refused(web):
    def fields(count):
        return [b"X-%d: x" % number for number in range(count - 1)]  # with Host

    assert web.dial(request(*fields(connection.MAX_FIELDS))).answer().status == 200
    assert statuses(web, request(*fields(connection.MAX_FIELDS + 1))) == [431]


def test_a_large_head_behind_many_requests_is_not_too_large(web):
    data = GET * 2000 + request(b"X: " + b"x" * 30_000)
    caller = web.dial()
    Thread(target=caller.say, args=[data]).start()
    assert [caller.answer().status for _ in range(2001)] == [200] * 2001


def test_requests_that_come_at_once_are_answered_one_by_one_and_in_order():
    busy, most = [], []

    def app(environ, start):
        busy.append(environ)
        most.append(len(busy))
        answer = echo(environ, start)
        busy.pop()
        return answer

    bodies = [b"%d" % number for number in range(50)]
    data = [request(b"Content-Length: %d" % len(body), body=body) for body in bodies]
    with serving(app) as web:
        caller = web.dial(b"".join(data))
        assert [caller.answer().told["body"].encode() for _ in bodies] == bodies
    assert max(most) == 1


def test_who_asks_for_much_at_once_leaves_others_their_turn():
    answered = []

    def app(environ, start):
        if environ["PATH_INFO"] == "/many" and not answered:
            other.say(HIDDEN)
        answered.append(environ["PATH_INFO"])
        time.sleep(0.001)  # as a query does that gevent knows nothing of
        return echo(environ, start)

    with serving(app) as web:
        other = web.dial()
        many = web.dial(request(first=b"GET /many HTTP/1.1") * 300)
        assert other.answer()
        assert [many.answer().status for _ in range(300)] == [200] * 300
    assert answered.index("/hidden") < 200  # gevent looks who is there every 50 turns


def test_a_request_in_single_bytes_is_one_request(web):
    caller = web.dial()
    data = request(b"X-Note: a b", CHUNKED, first=b"PUT /a?b=c HTTP/1.1", body=b"3\r\nabc\r\n")
    for byte in data + b"2;a=b\r\nde\r\n0\r\nA: b\r\n\r\n":
        caller.say(bytes([byte]))
    told = caller.answer().told
    assert (told["REQUEST_METHOD"], told["PATH_INFO"], told["QUERY_STRING"]) == ("PUT", "/a", "b=c")
    assert (told["HTTP_X_NOTE"], told["body"]) == ("a b", "abcde")


def test_a_body_in_chunks_has_a_length_and_no_field_behind_it_counts(web):
    trailer = b"X-Forwarded-For: 6.6.6.6\r\nAuthorization: Bearer x\r\nConnection: close\r\n"
    data = request(CHUNKED, b"Trailer: X-Forwarded-For", body=b"3\r\nabc\r\n0\r\n" + trailer)
    caller = web.dial(data + b"\r\n")
    told = caller.answer().told
    assert (told["body"], told["CONTENT_LENGTH"]) == ("abc", "3")
    assert not {"HTTP_X_FORWARDED_FOR", "HTTP_AUTHORIZATION", "HTTP_TRANSFER_ENCODING"} & set(told)


@pytest.mark.parametrize("field", [b"Content-Length: 5", CHUNKED])
def test_no_length_may_follow_a_body(web, field):
    assert statuses(web, request(CHUNKED, body=b"0\r\n" + field + b"\r\n\r\n"))[0] == 400


@pytest.mark.parametrize(
    "endless", [b"X: " + b"x" * 200_000, b"X: x\r\n" * 40_000, b"1;a=%b\r\n" % (b"b" * 200_000)]
)
def test_what_goes_on_behind_or_between_chunks_without_end_is_a_body_too_large(web, endless):
    start = b"" if endless.startswith(b"1") else b"0\r\n"
    answer = web.dial(request(CHUNKED, body=start + endless)).answer()
    assert answer.told["CONTENT_LENGTH"] == str(connection.MAX_BODY_BYTES + 1)
    assert answer.headers["connection"] == "close"


def test_who_waits_for_a_word_before_a_body_hears_it(web):
    caller = web.dial(request(b"Expect: 100-Continue ", b"Content-Length: 3"))
    assert caller.answer().status == 100
    caller.say(b"abc")
    assert caller.answer().told["body"] == "abc"


def test_who_waits_for_a_word_hears_it_after_the_answers_before_it(web):
    caller = web.dial(GET + request(b"Expect: 100-continue", b"Content-Length: 3"))
    assert [caller.answer().status for _ in range(2)] == [200, 100]
    caller.say(b"abc")
    assert caller.answer().told["body"] == "abc"


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_who_does_not_have_to_wait_hears_no_word(web, version):
    fields = b"Expect: 100-continue", b"Content-Length: 3"
    caller = web.dial(request(*fields, body=b"abc", first=b"POST / HTTP/" + version))
    assert caller.answer().told["body"] == "abc"


def test_http_1_0_knows_no_word_before_a_body(web):
    fields = b"Expect: 100-continue", b"Content-Length: 3"
    caller = web.dial(request(*fields, first=b"POST / HTTP/1.0"))
    caller.say(b"abc")
    assert caller.answer().status == 200


@pytest.mark.parametrize("body", [b"", b"abc"])
def test_what_nobody_knows_to_expect_is_refused(web, body):
    data = request(b"Expect: a call", b"Content-Length: 3", body=body)
    assert [answer.status for answer in web.dial(data).answers()] == [417]


@pytest.mark.parametrize("field", [b"Content-Length: 1000000", CHUNKED])
def test_the_app_refuses_a_body_that_is_too_large_and_its_sender_can_read_that(field):
    with serving(make_app()) as web:
        caller = web.dial(request(field))
        part = b"a" * 10_000
        for _ in range(100):
            caller.say(part if field != CHUNKED else b"%x\r\n%b\r\n" % (len(part), part))
        answer = caller.answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")


UPGRADE = b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ((b"Content-Length: 3",), b"abc"),
        ((CHUNKED,), b"3\r\nabc\r\n0\r\n\r\n"),
        ((b"Expect: 100-continue", b"Content-Length: 3"), b"abc"),
    ],
)
def test_who_asks_for_another_protocol_is_answered_in_this_one(web, fields, body):
    data = request(*UPGRADE, *fields, b"X-Note: \xe9", first=b"POST /a?b=%20 HTTP/1.1", body=body)
    caller = web.dial(data + GET + data)
    first, _, last = [caller.answer() for _ in range(3)]
    assert first.told == last.told
    assert (first.told["body"], first.told["REQUEST_METHOD"]) == ("abc", "POST")
    assert (first.told["PATH_INFO"], first.told["QUERY_STRING"]) == ("/a", "b=%20")
    assert (first.told["HTTP_X_NOTE"], first.told["HTTP_HOST"]) == ("\xe9", "sms.example.com")


def test_who_asks_for_another_protocol_a_thousand_times_is_answered_as_often(web):
    caller = web.dial()
    Thread(target=caller.say, args=[request(*UPGRADE) * 1000]).start()
    assert [caller.answer().status for _ in range(1000)] == [200] * 1000


def test_who_asks_for_another_protocol_is_refused_what_others_are(web):
    assert statuses(web, request(*UPGRADE, b"Host: b")) == [400]
    assert statuses(web, request(*UPGRADE, b"Expect: a call")) == [417]
    assert statuses(web, request(*UPGRADE, b"Content-Length: 5", CHUNKED)) == [400]


def test_a_tunnel_is_not_opened(web):
    (answer,) = web.dial(request(first=b"CONNECT sms.example.com:443 HTTP/1.1") + HIDDEN).answers()
    assert answer.told["PATH_INFO"] == "/sms.example.com:443"
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"//a/../b", "//a/../b", ""),
        (b"/a?b=%26&c#d", "/a", "b=%26&c"),
        (b"/a%20b%2Fc%C3%A9%zz", "/a b/c\xc3\xa9%zz", ""),
        (b"*", "/*", ""),
        (b"http://sms.example.com", "/", ""),
        (b"http://sms.example.com?a=/b", "/", "a=/b"),
        (b"HTTP://a@sms.example.com:8000//a?b", "//a", "b"),
        (b"http://[::1/a", "/a", ""),
        (b"/http://a/b", "/http://a/b", ""),
    ],
)
def test_an_address_is_read_in_each_of_its_forms(web, target, path, query):
    told = web.dial(request(first=b"GET " + target + b" HTTP/1.1")).answer().told
    assert (told["PATH_INFO"], told["QUERY_STRING"]) == (path, query)
    assert told["HTTP_HOST"] == "sms.example.com"


class Pieces:
    """A socket on which these pieces come in, each at once, and that keeps what it is given."""

    def __init__(self, pieces):
        self.pieces, self.given = [piece for piece in pieces if piece], b""

    def recv(self, size):
        piece = self.pieces.pop(0) if self.pieces else b""
        if piece[size:]:
            self.pieces.insert(0, piece[size:])
        return piece[:size]

    def sendall(self, data):
        self.given += data

    def getsockname(self):
        return ("127.0.0.1", 8000)

    def shutdown(self, how):
        pass

    def close(self):
        pass


@pytest.fixture(scope="module")
def elsewhere():
    """A thread with a gevent of its own."""
    with ThreadPoolExecutor(1) as thread:
        yield thread


def answered(elsewhere, pieces, app=echo):
    """What is answered to these pieces, but for the time."""
    sock = Pieces(pieces)
    line = Connection(sock, ("127.0.0.1", 9), app, BoundedSemaphore(1), 75.0, lambda: False)
    elsewhere.submit(line.serve).result(timeout=5)
    return re.sub(rb"Date: [^\r]*\r\n", b"", sock.given)


REQUESTS = [
    GET,
    request(b"Content-Length: 3", body=b"abc"),
    request(CHUNKED, body=b"3\r\nabc\r\n0;a=b\r\nX: y\r\n\r\n"),
    request(*UPGRADE, b"Content-Length: 3", body=b"abc"),
    request(b"Cookie: a=1", b"A:", b"Cookie: b=2", first=b"HEAD /a%20b?c HTTP/1.1"),
    request(b"Connection: keep-alive", first=b"GET http://a/b HTTP/1.0"),
    b"\r\n" + GET,
]


@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=5), st.data())
def test_however_a_stream_is_cut_its_answers_are_the_same(elsewhere, requests, data):
    stream = b"".join(requests)
    places = st.lists(st.integers(0, len(stream)), max_size=20)
    cuts = [0, *sorted(data.draw(places)), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(cuts)]
    whole = answered(elsewhere, [stream])
    assert answered(elsewhere, pieces) == whole
    assert whole.count(b"HTTP/1.1 200 OK") == len(requests)


BITS = [
    *(bytes([byte]) for byte in b"\0\t\r\n /*%\xff"), b"\r\n", b"\r\n\r\n", b"GET ", b"POST ",
    b"CONNECT ", b"http://[", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"Host: a\r\n\r\n",
    b"Host: a\r\n", b"Content-Length: 3\r\n", b"Content-Length: 99999\r\n",
    b"Transfer-Encoding: gzip, ", b"Transfer-Encoding: chunked\r\n\r\n", b"Upgrade: h2c\r\n",
    b"Connection: upgrade\r\n", b"Expect: 100-continue\r\n", b"Expect: x\r\n", b"3\r\nabc\r\n",
    b"0\r\n\r\n", b"abc", *REQUESTS,
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.sampled_from(BITS), st.binary(max_size=20)), max_size=30))
def test_whatever_comes_in_what_goes_out_is_http(elsewhere, caplog, pieces):
    told = answered(elsewhere, pieces)
    assert told.startswith(b"HTTP/1.1 ") or not told
    assert b"HTTP/1.1 500" not in told
    # Whoever sends all at once does not wait for a word.
    at_once = answered(elsewhere, [b"".join(pieces)])
    assert told.replace(GO_ON, b"") == at_once.replace(GO_ON, b"")
    assert [entry for entry in caplog.records if entry.exc_info] == []


def test_a_fault_of_our_own_is_logged_in_our_own_words(elsewhere, caplog):
    class Faulty(Pieces):
        def recv(self, size):
            raise KeyError("+15558675310")

    line = Connection(Faulty([]), ("127.0.0.1", 9), echo, BoundedSemaphore(1), 75.0, lambda: False)
    elsewhere.submit(line.serve).result(timeout=5)
    assert [entry.message for entry in caplog.records] == ["connection broken off"]
