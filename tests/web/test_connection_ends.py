"""Nobody keeps a connection, or a place among those who are answered, for longer than allowed."""

import logging
import time
from threading import Event

import gevent
import pytest

from smsapp.web import connection, server
from tests.system import wait_for
from tests.web.wire import GET, SECONDS, echo, noting, request, serving

SOON = 0.1
LARGE = 32 * 1024 * 1024  # more than any socket takes in advance

BODY = b"x" * 10_000
LENGTH = b"Content-Length: 10000"
POST = request(LENGTH)
ENDLESS = request(b"Content-Length: 1000000000")


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(server, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(server, "LINGER_SECONDS", SOON)


@pytest.fixture
def _short(monkeypatch):
    monkeypatch.setattr(connection, "READ_SECONDS", 3 * SOON)
    monkeypatch.setattr(connection, "WRITE_SECONDS", SOON)
    monkeypatch.setattr(connection, "LINGER_SECONDS", SOON)


def large(environ, start):
    start("200 OK", [("Content-Length", str(LARGE))])
    return [b"x" * LARGE]


@pytest.mark.parametrize("data", [b"", GET, GET * 3, b"\r\n"])
def test_a_connection_at_rest_is_closed_when_its_time_is_over(data):
    with serving(keepalive=SOON) as web:
        caller = web.dial(data)
        for _ in range(data.count(GET)):
            assert caller.answer().status == 200
        assert caller.is_cut_off()
        wait_for(lambda: not web.worker._connections)


def test_a_connection_may_rest_as_long_as_it_is_used_in_time():
    with serving(keepalive=6 * SOON) as web:
        caller = web.dial()
        for _ in range(5):
            caller.say(GET)
            assert caller.answer().status == 200
            time.sleep(2 * SOON)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        POST,
        GET + POST,
        request(b"Expect: 100-continue", LENGTH),
        request(b"Transfer-Encoding: chunked", body=b"1;"),
    ],
)
def test_a_request_that_does_not_come_in_in_time_is_left_unanswered(data):
    app, asked = noting()
    with serving(app) as web:
        caller = web.dial(data[:5])
        wait_for(lambda: resting(web) == [False])
        caller.say(data[5:])
        if data.startswith(GET):
            assert caller.answer().status == 200
        if b"Expect" in data:
            assert caller.answer().status == 100
        wait_for(lambda: keeps_on(caller) or not web.worker._connections)
    assert len(asked) == data.count(GET)


def resting(web):
    return [one.is_at_rest for one in list(web.worker._connections)]


def keeps_on(caller):
    """Send one byte more, as who wants to keep a connection forever; return that it is lost."""
    try:
        caller.say(b"x")
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


@pytest.mark.usefixtures("_short")
def test_a_request_may_take_its_time_in_the_app():
    def app(environ, start):
        gevent.sleep(5 * SOON)
        return echo(environ, start)

    with serving(app, keepalive=SOON) as web:
        assert web.dial(POST + BODY).answer().status == 200


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("is_measured", [True, False])
def test_who_does_not_read_an_answer_is_cut_off_and_gives_its_place_back(is_measured):
    closed = Event()

    class Parts:
        def __iter__(self):
            return iter([b"x" * LARGE])

        def close(self):
            closed.set()

    def app(environ, start):
        if environ["PATH_INFO"] == "/":
            return echo(environ, start)
        start("200 OK", [("Content-Length", str(LARGE))] if is_measured else [])
        return Parts()

    with serving(app, threads=1) as web:
        caller = web.dial(request(first=b"GET /large HTTP/1.1"))
        assert web.dial(GET).answer().status == 200
        assert closed.is_set()
        with pytest.raises((AssertionError, ConnectionResetError, ValueError)):
            caller.answer()  # it is not whole
        wait_for(lambda: len(web.worker._connections) == 1)


@pytest.mark.usefixtures("_short")
def test_who_reads_an_answer_slowly_but_steadily_reads_all_of_it():
    parts = 10

    def app(environ, start):
        start("200 OK", [])
        for _ in range(parts):
            gevent.sleep(SOON / 2)
            yield b"part"

    with serving(app) as web:
        assert web.dial(GET).answer().body == b"part" * parts


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize(
    "data",
    [request(b"Connection: close", first=b"GET / HTTP/1.1"), b"no HTTP\r\n\r\n", ENDLESS],
)
def test_who_never_hangs_up_is_hung_up_on_after_a_last_answer(data):
    with serving() as web:
        caller = web.dial(data)
        assert caller.answer()
        wait_for(lambda: keeps_on(caller) or not web.worker._connections)


def test_who_goes_away_in_a_request_is_not_answered_and_is_no_error(caplog):
    app, asked = noting()
    with serving(app) as web:
        for length in (0, 10, len(POST), len(POST) + 50):
            web.dial((POST + BODY)[:length]).close()
        wait_for(lambda: not web.worker._connections)
    assert asked == []
    assert [entry for entry in caplog.records if entry.levelno >= logging.INFO] == []


def test_who_ends_its_side_after_a_request_is_answered():
    with serving() as web:
        caller = web.dial(GET * 2)
        caller.sock.shutdown(1)  # no more to say
        assert [answer.status for answer in caller.answers()] == [200, 200]


def test_no_more_are_answered_at_once_than_there_is_room_for():
    busy, most = [], []

    def app(environ, start):
        busy.append(environ)
        most.append(len(busy))
        gevent.sleep(0.02)
        busy.pop()
        return echo(environ, start)

    with serving(app, threads=2) as web:
        callers = [web.dial(GET) for _ in range(6)]
        assert [caller.answer().status for caller in callers] == [200] * 6
    assert max(most) == 2


def test_connections_at_rest_take_no_room():
    with serving(threads=1) as web:
        callers = [web.dial(GET) for _ in range(5)]
        assert [caller.answer().status for caller in callers] == [200] * 5
        web.dial(POST)
        assert web.dial(GET).answer().status == 200


def end(web):
    """End the process, as far as its connections know it."""
    web.worker.alive = False
    web.call(web.worker._end)


def test_a_process_that_ends_hangs_up_on_who_rests_and_lets_the_others_finish():
    go_on = Event()

    def app(environ, start):
        while environ["PATH_INFO"] == "/slow" and not go_on.is_set():
            gevent.sleep(0.01)
        return echo(environ, start)

    with serving(app) as web:
        at_rest, slow = web.dial(GET), web.dial(request(first=b"GET /slow HTTP/1.1"))
        half = web.dial(POST)
        assert at_rest.answer()
        wait_for(lambda: resting(web).count(False) == 2)
        end(web)
        assert at_rest.is_cut_off()
        go_on.set()
        half.say(BODY)
        for caller in (slow, half):
            assert caller.answer().headers["connection"] == "close"
            assert caller.is_cut_off()


def test_a_request_that_comes_while_a_process_ends_is_answered_and_is_the_last(monkeypatch):
    monkeypatch.setattr(server, "LINGER_SECONDS", SECONDS)
    with serving() as web:
        caller = web.dial(GET)
        assert caller.answer()
        end(web)
        caller.say(GET)
        (answer,) = caller.answers()
    assert answer.headers["connection"] == "close"


def test_no_connection_outlives_a_process_that_ends_while_it_is_answered():
    begun, go_on = Event(), Event()

    def app(environ, start):
        start("200 OK", [])  # not yet the last
        begun.set()
        while not go_on.is_set():
            gevent.sleep(0.01)
        return [b"text"]

    with serving(app) as web:
        caller = web.dial(GET)
        assert begun.wait(SECONDS)
        end(web)
        time.sleep(3 * SOON)
        go_on.set()
        assert caller.answer().body == b"text"
        assert caller.is_cut_off()
