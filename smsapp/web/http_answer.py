"""The answer to one request, from WSGI to bytes; nothing of it can pass for the next one's."""

import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import lru_cache
from itertools import chain
from typing import Any

_WITHOUT_BODY = {"204", "304"}


class Answer:
    """The answer to one request.

    Attributes:
        is_last: Whether the connection ends with it.
        has_begun: Whether any of it was sent.
    """

    __slots__ = (
        "_environ", "_has_body", "_head", "_is_chunked", "_is_ending", "_length", "_write",
        "has_begun", "is_last",
    )  # fmt: skip

    def __init__(
        self,
        write: Callable[[bytes], None],
        environ: dict[str, Any],
        is_ending: Callable[[], bool],
        *,
        is_last: bool,
    ) -> None:
        self._write, self._environ, self._is_ending = write, environ, is_ending
        self.is_last = is_last
        self.has_begun = self._has_body = self._is_chunked = False
        self._head = b""
        self._length: str | None = None

    def start(self, status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
        """Take status and headers: WSGI's start_response, without the `write` of long ago.

        Raises:
            ValueError: One of them holds a line break.
        """
        if self.has_begun:  # too late to answer something else
            raise error[1] if error else RuntimeError("the answer has begun")
        is_new = self._environ["SERVER_PROTOCOL"] == "HTTP/1.1"
        named = {name.lower(): value for name, value in headers}
        lines = [f"HTTP/1.1 {status}", *[f"{name}: {value}" for name, value in headers]]
        if "date" not in named:
            lines.append(f"Date: {http_date()}")
        self._length = named.get("content-length")
        self._has_body = (
            status[:3] not in _WITHOUT_BODY and self._environ["REQUEST_METHOD"] != "HEAD"
        )
        is_open = self._has_body and self._length is None
        self._is_chunked = is_open and is_new
        if self._is_chunked:
            lines.append("Transfer-Encoding: chunked")
        self.is_last |= self._is_ending() or (is_open and not is_new)
        if self.is_last:
            lines.append("Connection: close")
        elif not is_new:
            lines.append("Connection: keep-alive")
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
            raise ValueError("a line break in a header")
        self._head = f"{head}\r\n\r\n".encode("latin-1")

    def send(self, parts: Iterable[bytes]) -> None:
        """Send it: in one piece where it has a length, else each part as it comes.

        Raises:
            ValueError: It has another length than it says.
        """
        if not self._head:  # some apps start it with its first part
            rest = iter(parts)
            parts = chain([next(rest, b"")], rest)
            if not self._head:
                raise RuntimeError("an answer without a status")
        if self._is_chunked:
            for part in parts:
                if part:
                    self._add(b"%x\r\n%b\r\n" % (len(part), part))
            self._add(b"0\r\n\r\n")
            return
        body = b"".join(parts)
        if not self._has_body:
            body = b""
        elif self._length is not None and int(self._length) != len(body):
            raise ValueError("another length than it says")
        self._add(body)

    def _add(self, data: bytes) -> None:
        head, self._head, self.has_begun = self._head, b"", True
        self._write(head + data)


def http_date() -> str:
    """Return what time it is, as the Date header says it."""
    return _date(int(time.time()))


@lru_cache(maxsize=2)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
