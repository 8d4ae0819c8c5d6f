"""Servers on raw sockets: what a client really writes shows only there."""

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

ACCOUNT = "AC" + "0" * 32
SID = "SM" + "a" * 32
CERTIFICATE = Path(__file__).with_name("self_signed.pem")

Answer = Callable[[socket.socket], None]


def http(status: int, body: object = b"", *headers: str) -> Answer:
    """Answer with a status, headers and a body; a dict or list becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Some Reason", f"Content-Length: {len(content)}", *headers]
    return lambda connection: connection.sendall("\r\n".join([*lines, "", ""]).encode() + content)


def created(**changes: object) -> Answer:
    """Answer as Twilio does when it accepts a message."""
    message = {
        "sid": SID,
        "status": "queued",
        "num_segments": "1",
        "error_code": None,
        "date_created": "Sat, 21 Nov 2026 12:57:05 +0000",
        "date_sent": None,
    }
    return http(201, {**message, **changes}, "Content-Type: application/json;charset=utf-8")


def raw(content: bytes) -> Answer:
    """Answer with these bytes and hang up."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(content)
        connection.close()

    return answer


def hang_up(connection: socket.socket) -> None:
    connection.close()


def reset(connection: socket.socket) -> None:
    """Close so that the client gets a reset instead of an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def silence(connection: socket.socket) -> None:
    """Say nothing until the client gives up."""
    connection.recv(1)


def trickle(connection: socket.socket) -> None:
    """Send a byte at a time, for longer than any test waits."""
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 9999\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b" ")
        time.sleep(0.02)


def then_hang_up(answer: Answer) -> Answer:
    """Answer, then close without having announced it."""

    def both(connection: socket.socket) -> None:
        answer(connection)
        connection.close()

    return both


class Server:
    """A web server that keeps what it read and gives the answers it was told, the last for ever."""

    def __init__(self, *answers: Answer, tls: bool = False) -> None:
        self.answers = list(answers)
        self.choose: Callable[[bytes], Answer] | None = None
        self.requests: list[bytes] = []
        self.connections = 0
        self._context = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(CERTIFICATE)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://{self.host}"

    def settle(self) -> None:
        """Wait until every connection has been closed from this side."""
        for thread in self._threads[1:]:
            thread.join(5)

    def stop(self) -> None:
        for connection in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                while request := _read_request(connection):
                    if request.startswith((b"GET /healthz", b"GET /readyz")):
                        return  # of another test, whose program had this port before
                    self.requests.append(request)
                    self._answer(request)(connection)

    def _answer(self, request: bytes) -> Answer:
        if self.choose:
            return self.choose(request)
        return self.answers[min(len(self.requests), len(self.answers)) - 1]


def _read_request(connection: socket.socket) -> bytes:
    """Return one whole request; empty when the client has hung up."""
    request = b""
    while b"\r\n\r\n" not in request:
        if not (more := connection.recv(65536)):
            return b""
        request += more
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length:
        if not (more := connection.recv(65536)):
            return b""
        body += more
    return head + b"\r\n\r\n" + body
