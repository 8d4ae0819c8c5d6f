"""What an app answers reaches its caller whole, and nobody else's answer with it: PEP 3333."""

import logging
from threading import Event
from wsgiref.validate import validator

import pytest

from tests.conftest import make_app
from tests.web.wire import GET, echo, request, serving

HEAD = request(first=b"HEAD / HTTP/1.1")
OLD = request(first=b"GET / HTTP/1.0")
OLD_KEPT = request(b"Connection: keep-alive", first=b"GET / HTTP/1.0")
LAST = request(b"Connection: close", first=b"GET / HTTP/1.1")


def saying(*parts, status="200 OK", headers=()):
    """An app that answers in these parts."""

    def app(environ, start):
        start(status, list(headers))
        return iter(parts)

    return app


def measured(body, **more):
    return saying(body, headers=[("Content-Length", str(len(body)))], **more)


class Parts:
    """An answer that is told when nobody wants any more of it."""

    def __init__(self, parts, closed):
        self.parts, self.closed = parts, closed

    def __iter__(self):
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part

    def close(self):
        self.closed.set()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (GET, None),
        (OLD, "close"),
        (OLD_KEPT, "keep-alive"),
        (LAST, "close"),
        (request(b"Connection: keep-alive, Close", first=b"GET / HTTP/1.1"), "close"),
        (request(b"Connection: x", b"Connection: close", first=b"GET / HTTP/1.1"), "close"),
    ],
)
def test_a_connection_is_kept_as_its_caller_asks(data, told):
    with serving() as web:
        caller = web.dial(data)
        assert caller.answer().headers.get("connection") == told
        if told == "close":
            assert caller.is_cut_off()
        else:
            caller.say(data)
            assert caller.answer()


def test_nothing_is_answered_behind_a_last_answer():
    with serving() as web:
        assert len(web.dial(LAST + GET).answers()) == 1


def test_an_answer_without_a_length_comes_part_by_part():
    go_on = Event()

    def app(environ, start):
        start("200 OK", [])
        yield b"one"
        yield b""
        assert go_on.wait(5)
        yield b"two"

    with serving(app) as web:
        caller = web.dial(GET)
        lines = list(caller.lines())
        assert b"Transfer-Encoding: chunked" in lines
        chunks = caller.chunks()
        assert next(chunks) == b"one"
        go_on.set()
        assert list(chunks) == [b"two"]
        caller.say(GET)
        assert caller.answer().body == b"onetwo"


@pytest.mark.parametrize("data", [OLD, OLD_KEPT])
def test_an_answer_without_a_length_ends_a_connection_of_http_1_0(data):
    with serving(saying(b"one", b"two")) as web:
        (answer,) = web.dial(data).answers()
    assert answer.body == b"onetwo"
    assert answer.headers["connection"] == "close"
    assert "transfer-encoding" not in answer.headers


@pytest.mark.parametrize("plain", [measured(b"text"), saying(b"text"), saying()])
def test_head_is_answered_without_a_body(plain):
    with serving(plain) as web:
        caller = web.dial(HEAD + GET)
        head = caller.answer("HEAD")
        assert "transfer-encoding" not in head.headers
        whole = caller.answer()
    assert whole.body in {b"text", b""}
    assert whole.headers.get("content-length") == head.headers.get("content-length")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("parts", [[], [b"text"]])
def test_a_status_without_a_body_has_none(status, parts):
    with serving(saying(*parts, status=status)) as web:
        caller = web.dial(GET + OLD_KEPT)
        for _ in range(2):
            answer = caller.answer()
            assert answer.status == int(status[:3])
            assert not {"transfer-encoding", "content-length"} & set(answer.headers)
        caller.say(GET)
        assert caller.answer()


def test_an_app_may_begin_its_answer_with_its_first_part():
    def app(environ, start):
        body = [b"one", b"two"]
        start("200 OK", [] if environ["PATH_INFO"] == "/" else [("Content-Length", "6")])
        yield from body

    with serving(app) as web:
        caller = web.dial(GET + request(first=b"GET /measured HTTP/1.1"))
        assert [caller.answer().body for _ in range(2)] == [b"onetwo"] * 2


def test_an_app_may_think_better_of_its_answer_until_it_has_begun():
    def app(environ, start):
        start("200 OK", [])
        try:
            raise KeyError
        except KeyError as error:
            start("503 Away", [("Content-Length", "4")], (KeyError, error, None))
        return [b"away"]

    with serving(app) as web:
        answer = web.dial(GET).answer()
    assert (answer.status, answer.body) == (503, b"away")
    assert "transfer-encoding" not in answer.headers


def failing(*, where):
    def app(environ, start):
        if where == "before":
            raise OSError("no such file")
        if where != "without a status":
            start("200 OK", [("X", "y")] if where != "measured" else [("Content-Length", "9")])
        yield b"some"
        if where == "again":
            start("500 Late", [])
        if where in {"inside", "measured"}:
            raise KeyError(b"+15558675310")

    return app


WITH_A_BREAK = [
    [("X", "a\r\nSet-Cookie: b=c")],
    [("X", "a\nb")],
    [("X", "a\rb")],
    [("X\r\nY: z", "a")],
    [("X", "\u20ac")],
]


@pytest.mark.parametrize(
    "broken",
    [
        failing(where="before"),
        failing(where="measured"),
        failing(where="without a status"),
        *(saying(b"text", headers=headers) for headers in WITH_A_BREAK),
        saying(b"text", status="200 OK\r\nX: y"),
        saying(b"text", headers=[("Content-Length", "3")]),
        saying(b"text", headers=[("Content-Length", "5")]),
        saying(b"text", headers=[("Content-Length", "four")]),
        saying("text"),
        lambda environ, start: None,
    ],
)
def test_what_is_no_answer_becomes_500_and_nothing_of_it_is_told(broken, caplog):
    with serving(broken) as web:
        (answer,) = web.dial(GET + GET).answers()
    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    assert set(answer.headers) == {"connection", "content-length", "content-type", "date"}
    assert [entry.message for entry in caplog.records] == ["not answered"]


@pytest.mark.parametrize("where", ["inside", "again"])
def test_an_answer_that_breaks_off_cannot_pass_for_a_whole_one(where, caplog):
    with serving(failing(where=where)) as web:
        caller = web.dial(GET + GET)
        assert b"Transfer-Encoding: chunked" in list(caller.lines())
        assert caller.file.read() == b"4\r\nsome\r\n"
    assert [entry.message for entry in caplog.records] == ["not answered"]


@pytest.mark.parametrize(
    "parts", [[b"one", b"two"], [], [KeyError()], [b"one", KeyError()], ["no bytes"]]
)
def test_an_answer_is_closed_however_it_ends(parts):
    closed = Event()

    def app(environ, start):
        start("200 OK", [])
        return Parts(parts, closed)

    with serving(app) as web:
        web.dial(LAST).answers() if parts[-1:] == [b"two"] else web.dial(LAST).is_cut_off()
        assert closed.wait(5)


def test_an_answer_that_cannot_be_closed_is_logged_and_its_connections_last(caplog):
    class Stuck(list):
        def close(self):
            raise OSError("no")

    def app(environ, start):
        start("200 OK", [("Content-Length", "4")])
        return Stuck([b"text"])

    with serving(app) as web:
        assert [answer.body for answer in web.dial(GET + GET).answers()] == [b"text"]
    assert [entry.message for entry in caplog.records] == ["not answered"]


def test_who_goes_away_in_an_answer_lets_it_be_closed_and_is_no_error(caplog):
    closed = Event()

    def app(environ, start):
        start("200 OK", [])
        return Parts((b"x" * 100_000 for _ in range(10_000)), closed)

    with serving(app) as web:
        caller = web.dial(GET)
        assert caller.file.read(100)
        caller.close()
        assert closed.wait(5)
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []


def test_the_app_is_told_who_calls_and_where():
    told = {}

    def app(environ, start):
        told.update(environ)
        return echo(environ, start)

    with serving(app) as web:
        caller = web.dial(request(b"Content-Type: a/b", b"Content-Length: 3", body=b"abc"))
        assert caller.answer().body
        port = str(web.address[1])
        here = caller.sock.getsockname()
    assert (told["SERVER_NAME"], told["SERVER_PORT"]) == ("127.0.0.1", port)
    assert told["REMOTE_ADDR"] == here[0]
    assert (told["CONTENT_TYPE"], told["CONTENT_LENGTH"]) == ("a/b", "3")
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(told)
    assert (told["SCRIPT_NAME"], told["SERVER_PROTOCOL"]) == ("", "HTTP/1.1")
    assert (told["wsgi.version"], told["wsgi.url_scheme"]) == ((1, 0), "http")
    assert told["wsgi.multithread"]
    assert told["wsgi.multiprocess"]
    assert not told["wsgi.run_once"]


@pytest.mark.parametrize("address", [("127.0.0.1", 0), ("::1", 0), "socket"])
def test_wsgis_own_validator_finds_nothing(address, tmp_path):
    @validator
    def app(environ, start):
        environ["wsgi.errors"].flush()
        body = environ["wsgi.input"].read(1) + environ["wsgi.input"].readline(1)
        start("200 OK", [("Content-Type", "text/plain")])
        yield body + b"".join(environ["wsgi.input"])

    if isinstance(address, str):
        address = str(tmp_path / address)
    data = request(b"Content-Length: 3", body=b"abc")
    with serving(app, address=address) as web:
        caller = web.dial(
            data + request(b"Transfer-Encoding: chunked", body=b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n")
        )
        assert [caller.answer().body for _ in range(2)] == [b"abc"] * 2


@pytest.mark.parametrize("bound", [True, False])
def test_a_unix_socket_has_no_address_and_is_answered(bound, tmp_path):
    with serving(address=str(tmp_path / "web")) as web:
        caller = web.dial(GET, bound=str(tmp_path / "caller") if bound else None)
        told = caller.answer().told
    assert told["REMOTE_ADDR"] == ""
    assert (told["SERVER_NAME"], told["SERVER_PORT"]) == ("localhost", "80")


def test_the_app_answers_through_it_as_it_does_without():
    app = make_app()
    paths = ["/healthz", "/", "/nowhere", "/static/app.css", "/static/icon.svg"]
    with serving(app) as web:
        caller = web.dial()
        for path in paths:
            for method in ("GET", "HEAD"):
                caller.say(request(first=f"{method} {path} HTTP/1.1".encode()))
                answer = caller.answer(method)
                direct = app.test_client().open(
                    path, method=method, base_url="http://sms.example.com"
                )
                assert answer.status == direct.status_code
                assert answer.headers["content-type"] == direct.headers["Content-Type"]
                if path != "/":  # its form has a token of its own
                    assert answer.body == direct.data
                direct.close()
