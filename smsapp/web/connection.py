"""One connection of a web process: llhttp, which Node.js reads HTTP with, and the app's answers.

gunicorn's own reader is Python and takes as long for a receipt as the rest of the app does; with
this one a process answers nearly twice as many. What a proxy in front might read in another way
than we do, such as a request with two lengths, llhttp refuses.
"""

import logging
import math
import re
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from functools import lru_cache
from io import BytesIO
from sys import stderr
from typing import Any
from urllib.parse import unquote_to_bytes

import gevent
from gevent.lock import BoundedSemaphore
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from smsapp.web.http_answer import Answer, http_date

log = logging.getLogger(__name__)

READ_BYTES = 16 * 1024
# Counted as it is read, with what else comes in with it: one of twice as much is refused for sure.
MAX_HEAD_BYTES = 32 * 1024
MAX_FIELDS = 100
# More than any route takes; the app answers 413 by the length alone.
MAX_BODY_BYTES = 64 * 1024
# How long a whole request may take to come in, and a part of an answer to be taken.
READ_SECONDS = 30.0
WRITE_SECONDS = 60.0
# How long is read on after a last answer, which a connection closed with something unread in it
# would destroy on its way.
LINGER_SECONDS = 1.0

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_REFUSALS = {
    400: "Bad Request",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}
_PROTOCOLS = {"1.1": "HTTP/1.1", "1.0": "HTTP/1.0"}
# Fields that nobody can read if they come twice.
_SINGLE = {"HTTP_HOST", "CONTENT_TYPE"}
_HOST = re.compile(r"^[A-Za-z]+://[^/?#]*")


class Request:
    """A request as it comes in."""

    __slots__ = (
        "body", "expects", "fault", "fields", "head_is_whole", "is_last", "is_too_large", "url",
    )  # fmt: skip

    def __init__(self, fault: int | None = None) -> None:
        self.url = b""
        self.fields: dict[str, str] = {}
        self.body = bytearray()
        self.expects = self.head_is_whole = self.is_last = self.is_too_large = False
        self.fault = fault


class Connection:
    """Reads requests, one after the other, and answers each.

    Args:
        sock: gevent's; it waits for this greenlet alone.
        address: The other end's.
        app: The WSGI app.
        room: Held by each request while it is answered.
        keepalive_seconds: How long it may rest between two requests.
        is_ending: Whether the process ends, so that an answer is the connection's last.

    Attributes:
        is_at_rest: Whether nobody asks for anything.
        until: When hang_up is due, by monotonic().
    """

    def __init__(
        self,
        sock: Any,
        address: Any,
        app: App,
        room: BoundedSemaphore,
        keepalive_seconds: float,
        is_ending: Callable[[], bool],
    ) -> None:
        self.is_at_rest = True
        self.until = math.inf
        self._is_writing = False
        self._sock, self._app, self._room = sock, app, room
        self._keepalive_seconds, self._is_ending = keepalive_seconds, is_ending
        self._parser = HttpRequestParser(self)
        self._request = Request()
        self._is_reading = False
        self._whole: deque[Request] = deque()
        self._came = 0  # bytes of a request that is not whole yet
        # A Unix socket has neither; WSGI wants both of the server's.
        has_port = isinstance(address, tuple)
        host, port = sock.getsockname()[:2] if has_port else ("localhost", 80)
        self._environ = {
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "SCRIPT_NAME": "",
            "REMOTE_ADDR": address[0] if has_port else "",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }

    def serve(self) -> None:
        """Answer until either end has enough."""
        with closing(self._sock):
            try:
                while request := self._next():
                    if request.fault:
                        self._refuse(request.fault)
                        break
                    if not self._answer(request):
                        break
                self._close()
            except OSError:  # the other end has gone
                pass
            except Exception:  # gevent would print its text
                log.exception("connection broken off")

    def hang_up(self) -> None:
        """Take no more in: what has come is answered, and then that was all."""
        with suppress(OSError):  # gone already
            self._sock.shutdown(socket.SHUT_RDWR if self._is_writing else socket.SHUT_RD)

    # Reading: what llhttp finds.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._request = Request()
        self._is_reading = True

    def on_url(self, part: bytes) -> None:
        """Take a part of its address."""
        self._request.url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; several of one name are one with commas between (RFC 9110, 5.3)."""
        request, key = self._request, _key(name)
        if request.head_is_whole or key is None:  # a trailer; or what may pass for another field
            return
        fields = request.fields
        text = value.rstrip().decode("latin-1")
        if key in fields:
            if key in _SINGLE:
                request.fault = 400
            text = f"{fields[key]}{';' if key == 'HTTP_COOKIE' else ','}{text}"
        elif len(fields) == MAX_FIELDS:
            request.fault = 431
        fields[key] = text

    def on_headers_complete(self) -> None:
        """The head is whole."""
        request, parser = self._request, self._parser
        request.head_is_whole = True
        request.is_last = not parser.should_keep_alive()
        fields = request.fields
        fields["REQUEST_METHOD"] = parser.get_method().decode()
        fields["SERVER_PROTOCOL"] = protocol = _PROTOCOLS.get(parser.get_http_version(), "")
        if not protocol:
            request.fault = 505
        request.is_too_large = int(fields.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES
        if "HTTP_EXPECT" in fields:
            request.expects = protocol == "HTTP/1.1"
            if fields["HTTP_EXPECT"].lower() != "100-continue":
                request.fault = 417

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        request = self._request
        request.body += part
        request.is_too_large |= len(request.body) > MAX_BODY_BYTES

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._whole.append(self._request)
        self._is_reading = False
        self._came = 0

    def _next(self) -> Request | None:
        """Return the next request, or None where no more comes."""
        if self._whole:  # who sends many at once leaves the others their turn
            gevent.sleep(0)
        while not self._whole:
            if not self._is_reading:
                self.is_at_rest, self.until = True, time.monotonic() + self._keepalive_seconds
            elif self._request.expects:
                self._request.expects = False
                self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
                continue
            elif self.is_at_rest or self.until == math.inf:
                self.is_at_rest, self.until = False, time.monotonic() + READ_SECONDS
            data = self._sock.recv(READ_BYTES)
            if not data:
                return None
            self._take(data)
        self.is_at_rest, self.until = False, math.inf
        return self._whole.popleft()

    def _take(self, data: bytes) -> None:
        """Read what has come in."""
        self._came += len(data)
        while data:
            try:
                self._parser.feed_data(data)
                break
            except HttpParserUpgrade as upgrade:
                data = self._stay(data[upgrade.args[0] :])
            except HttpParserError:
                self._whole.append(Request(400))
                break
        request = self._request
        if not self._is_reading or not request.head_is_whole:
            if self._came > MAX_HEAD_BYTES:  # or as many empty lines before a head
                self._whole.append(Request(431))
            return
        # Chunks may be longer than what they hold, and fields may follow them.
        request.is_too_large |= self._came > MAX_HEAD_BYTES + 2 * MAX_BODY_BYTES
        if request.fault or request.is_too_large:  # no need to read the rest
            request.is_last = True
            request.fields.setdefault("CONTENT_LENGTH", str(MAX_BODY_BYTES + 1))
            self._whole.append(request)

    def _stay(self, rest: bytes) -> bytes:
        """Return what to read on as if the last request had not asked for another protocol.

        httptools takes all behind such a head for that protocol's, the request's body too; Java's
        client asks so each time (httptools, issue 124). llhttp reads the head again, without that.
        """
        request = self._whole[-1]
        fields = request.fields
        if request.fault or fields.pop("HTTP_UPGRADE", None) is None:
            request.is_last = True  # it is refused, or CONNECT, and what follows is not HTTP
            return b""
        self._whole.pop()
        self._parser = HttpRequestParser(self)
        method, protocol = fields.pop("REQUEST_METHOD"), fields.pop("SERVER_PROTOCOL")
        lines = [f"{method} {request.url.decode('latin-1')} {protocol}"]
        for key, value in fields.items():
            lines.append(f"{key.removeprefix('HTTP_').replace('_', '-')}: {value}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + rest

    # Answering.

    def _answer(self, request: Request) -> bool:
        """Answer a request; return whether another may follow on this connection."""
        environ: dict[str, Any] = self._environ | request.fields
        target = request.url.decode("latin-1")
        if not target.startswith("/"):  # meant for a proxy, which may be us: the host is Host's
            target = f"/{_HOST.sub('', target).removeprefix('/')}"
        path, _, query = target.partition("#")[0].partition("?")
        environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1") if "%" in path else path
        environ["QUERY_STRING"] = query
        environ["wsgi.input"] = BytesIO(request.body)
        if coding := environ.pop("HTTP_TRANSFER_ENCODING", None):
            if coding.lower() != "chunked" or environ["SERVER_PROTOCOL"] != "HTTP/1.1":
                self._refuse(501)
                return False
            # The app is told a size in any case.
            environ.setdefault("CONTENT_LENGTH", str(len(request.body)))
        answer = Answer(self._write, environ, self._is_ending, is_last=request.is_last)
        with self._room:
            try:
                result = self._app(environ, answer.start)
                try:
                    answer.send(result)
                finally:
                    if hasattr(result, "close"):
                        result.close()
            except Exception:  # the app answers its own errors: this is one in answering
                if self._is_writing:  # the other end has gone
                    raise
                log.exception("not answered")
                if not answer.has_begun:
                    self._refuse(500)
                return False
        return not answer.is_last

    def _refuse(self, status: int) -> None:
        """Answer what is no request of HTTP's, or one that failed; in no word of the caller's."""
        reason = _REFUSALS[status]
        self._write(
            f"HTTP/1.1 {status} {reason}\r\nDate: {http_date()}\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
            f"Content-Length: {len(reason) + 1}\r\n\r\n{reason}\n".encode()
        )
        if status != 500:
            log.info("no request of HTTP's", extra={"http_status": status})

    def _write(self, data: bytes) -> None:
        self._is_writing, self.until = True, time.monotonic() + WRITE_SECONDS
        self._sock.sendall(data)
        self._is_writing, self.until = False, math.inf

    def _close(self) -> None:
        """End our side, and let what is still on its way here run out."""
        self.until = time.monotonic() + LINGER_SECONDS
        self._sock.shutdown(socket.SHUT_WR)
        while time.monotonic() < self.until and self._sock.recv(READ_BYTES):
            gevent.sleep(0)


@lru_cache(maxsize=1024)
def _key(name: bytes) -> str | None:
    """Return where WSGI keeps a field; None for one that could pass for another.

    In WSGI X_Forwarded_For is the same as X-Forwarded-For, which a proxy vouches for.
    """
    if b"_" in name:
        return None
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
