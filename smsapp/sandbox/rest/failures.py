"""What the weather does to one send: before the carrier has it, or after."""

import os
import select
import socket
import struct
import threading
import time

from flask import request

from smsapp.sandbox.desk import this_desk
from smsapp.sandbox.errors import TwilioError

_BEFORE = {"too_many_requests": 20429, "error_before": 20503}


def fail_before(trouble: str | None) -> None:
    """Raise what keeps a text from being accepted, if anything does."""
    if trouble in _BEFORE:
        raise TwilioError(_BEFORE[trouble])


def fail_after(trouble: str | None) -> None:
    """Spoil the answer to a text that has been accepted, if anything does."""
    if trouble == "error_after":
        raise TwilioError(20500)
    if trouble == "timeout_after":
        _hang(_client(), this_desk().config.hang_seconds, this_desk().stopping)
    if trouble in ("timeout_after", "reset_after"):
        _reset(_client())


def _client() -> socket.socket:
    """Return the connection of this request, from whichever server serves it."""
    environ = request.environ
    client: socket.socket = environ.get("gunicorn.socket") or environ["werkzeug.socket"]
    return client


def _hang(client: socket.socket, seconds: float, stop: threading.Event) -> None:
    """Say nothing until the time is up, the client gives up, or the sandbox stops."""
    watch = select.poll()
    watch.register(client, select.POLLIN)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not stop.is_set():
        if watch.poll(100) and not client.recv(1, socket.MSG_PEEK):
            return


def _reset(client: socket.socket) -> None:
    """Cut a connection with a TCP reset.

    Closing with a linger of 0 s sends the reset. The server still holds this socket and is
    going to write to it, so its number must not become some other connection's: a dead pair
    of sockets takes its place, and the server meets a broken pipe, which it knows.
    """
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    here, there = socket.socketpair()
    there.close()
    os.dup2(here.fileno(), client.fileno())
    here.close()
