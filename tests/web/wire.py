"""A web process's connections, in a thread of the tests' process, and somebody who calls them."""

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import gevent
import gevent.socket
from gevent.lock import BoundedSemaphore
from gevent.pool import Pool
from gevent.server import StreamServer

from smsapp.web.server import Worker

SECONDS = 5.0  # whoever waits longer waits in vain
GET = b"GET / HTTP/1.1\r\nHost: sms.example.com\r\n\r\n"
LOCAL = ("127.0.0.1", 0)


def echo(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """An app that tells all that it was told."""
    told = {name: value for name, value in environ.items() if isinstance(value, str)}
    body = json.dumps(told | {"body": environ["wsgi.input"].read().decode("latin-1")}).encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def noting() -> tuple[Callable[..., Any], list[dict[str, Any]]]:
    """Return an app that echoes, and the list of what it was asked."""
    asked: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        asked.append(environ)
        return echo(environ, start)

    return app, asked


def request(*fields: bytes, body: bytes = b"", first: bytes = b"POST / HTTP/1.1") -> bytes:
    """Return a request with these fields, each a whole line."""
    return b"\r\n".join([first, b"Host: sms.example.com", *fields, b"", body])


@dataclass
class Answer:
    """What a caller is told."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)


class Caller:
    """The other end of a connection."""

    def __init__(self, web: "Web", data: bytes, bound: str | None) -> None:
        self.sock = socket.socket(web.family)
        self.sock.settimeout(SECONDS)
        if bound:
            self.sock.bind(bound)
        self.sock.connect(web.address)
        self.file = self.sock.makefile("rb")
        self.say(data)

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def lines(self) -> Iterator[bytes]:
        """Lines up to an empty one."""
        while line := self.file.readline().removesuffix(b"\r\n"):
            assert b"\r" not in line
            assert b"\n" not in line, "cut off, or not CRLF"
            yield line

    def answer(self, method: str = "GET") -> Answer | None:
        """Return the next answer; None where the connection has ended."""
        first = next(iter(self.lines()), b"")
        if not first:
            return None
        protocol, status, _ = first.split(b" ", 2)
        assert protocol == b"HTTP/1.1"
        fields = [line.decode("latin-1").split(": ", 1) for line in self.lines()]
        headers = {name.lower(): value for name, value in fields}
        assert len(headers) == len(fields)
        return Answer(int(status), headers, self.body(method, int(status), headers))

    def body(self, method: str, status: int, headers: dict[str, str]) -> bytes:
        if method == "HEAD" or status < 200 or status in {204, 304}:
            return b""
        if "content-length" in headers:
            length = int(headers["content-length"])
            body = self.file.read(length)
            assert len(body) == length, "cut off"
            return body
        return b"".join(self.chunks()) if "transfer-encoding" in headers else self.file.read()

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.file.readline(), 16):
            yield self.file.read(size)
            assert self.file.read(2) == b"\r\n"
        assert self.file.read(2) == b"\r\n"

    def answers(self) -> list[Answer]:
        """Return all answers until the connection ends."""
        return list(iter(self.answer, None))

    def is_cut_off(self) -> bool:
        """Whether the connection has ended, in an answer's middle if in one."""
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        self.file.close()
        self.sock.close()


class Web:
    """gunicorn's worker as far as connections know it, and its door.

    Attributes:
        crashes: What came out of `serve`, which nothing may.
    """

    def __init__(self, app: Any, address: Any, threads: int, keepalive: float) -> None:
        self.worker = Worker.__new__(Worker)
        self.worker.cfg = SimpleNamespace(threads=threads, keepalive=keepalive)
        self.worker.wsgi, self.worker.alive = app, True
        self.worker._room = BoundedSemaphore(threads)
        self.worker._connections = set()
        self.family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        if self.family == socket.AF_INET and ":" in address[0]:
            self.family = socket.AF_INET6
        self.address = address
        self.crashes: list[Any] = []
        self._callers: list[Caller] = []
        self._calls: deque[Callable[[], Any]] = deque()
        self._is_open = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._is_open.wait(SECONDS)

    def _run(self) -> None:
        hub = gevent.get_hub()
        hub.handle_error = lambda _, *error: self.crashes.append(error)
        door = gevent.socket.socket(self.family)
        door.bind(self.address)
        door.listen()
        if self.family != socket.AF_UNIX:
            door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as gunicorn does
        self.address = door.getsockname()
        server = StreamServer(door, partial(self.worker.handle, door), spawn=Pool())
        server.start()
        looks = gevent.spawn(self.worker._look_after_connections)
        self._bell = hub.loop.async_()
        self._bell.start(lambda: [gevent.spawn(self._calls.popleft()) for _ in list(self._calls)])
        self._end = gevent.event.Event()
        self._is_open.set()
        self._end.wait()
        server.stop(timeout=0)
        looks.kill()
        self._bell.close()
        del hub.handle_error  # it would be told of the hub's own end
        hub.destroy(destroy_loop=True)

    def call(self, function: Callable[[], Any]) -> None:
        """Let a greenlet among the connections do something."""
        self._calls.append(function)
        self._bell.send()

    def dial(self, data: bytes = b"", bound: str | None = None) -> Caller:
        """Connect, and say something."""
        caller = Caller(self, data, bound)
        self._callers.append(caller)
        return caller

    def close(self) -> None:
        for caller in self._callers:
            caller.close()
        self.call(self._end.set)
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        assert self.crashes == []


@contextmanager
def serving(
    app: Any = echo, *, address: Any = LOCAL, threads: int = 8, keepalive: float = 75.0
) -> Iterator[Web]:
    """Serve an app."""
    web = Web(app, address, threads, keepalive)
    try:
        yield web
    finally:
        web.close()
