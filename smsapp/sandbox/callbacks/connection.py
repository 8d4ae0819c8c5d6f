"""One thread's connection to the app, kept between callbacks."""

import http.client
import select
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

# Seconds that an idle connection is kept: below the 2 s that gunicorn keeps its end.
MAX_IDLE = 1.0
# Bytes of an answer that are read: TwiML takes few.
MAX_ANSWER = 100_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app says to one post."""

    status: int
    content_type: str
    text: str


class Connection:
    """A connection to one host at a time."""

    def __init__(self) -> None:
        self._connection: http.client.HTTPConnection | None = None
        self._peer = ""
        self._used_at = 0.0

    def open(self, url: str, timeout: float, fresh: bool = False) -> bool:
        """Connect to the host of `url`; return whether it is a connection that was kept."""
        address = urlsplit(url)
        peer = f"{address.scheme}://{address.netloc}"
        if not fresh and peer == self._peer and self._still_good():
            return True
        self.close()
        secure = address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(address.hostname or "", address.port, timeout=timeout)
        connection.connect()
        self._connection, self._peer = connection, peer
        return False

    def post(self, url: str, body: str, headers: dict[str, str], timeout: float) -> Answer:
        """Post once and return the answer."""
        connection = self._connection
        if connection is None or connection.sock is None:
            raise ConnectionError("not connected")
        address = urlsplit(url)
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        try:
            connection.sock.settimeout(timeout)
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            text = answer.read(MAX_ANSWER).decode(errors="replace")
            answer.read()
        except BaseException:
            self.close()
            raise
        self._used_at = time.monotonic()
        return Answer(answer.status, answer.getheader("Content-Type", ""), text)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _still_good(self) -> bool:
        """Return whether the app has kept its end; one that can be read has been closed."""
        sock = self._connection.sock if self._connection else None
        if sock is None or time.monotonic() - self._used_at > MAX_IDLE:
            return False
        watch = select.poll()
        watch.register(sock, select.POLLIN)
        return not watch.poll(0)
