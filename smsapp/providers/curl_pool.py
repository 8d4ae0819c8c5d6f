"""Handles of libcurl at rest, each with its connection, for the next request to the same host."""

import os
import select

from gevent import monkey

from smsapp.providers import curl_wait
from smsapp.providers.curl_wait import Handle

# The system's, also where gevent has put a slower one, which lets others run, in its place.
_poll = monkey.get_original("select", "poll")


class Pool:
    """Handles at rest; one pool serves any number of threads.

    Attributes:
        idle: By process and by `host`: after a fork parent and child must not share a connection.
    """

    def __init__(self) -> None:
        self.idle: dict[tuple[int, str], list[Handle]] = {}

    def take(self, host: str = "") -> Handle:
        """Return the handle used last, whose connection is the likeliest to be alive."""
        idle = self.idle.setdefault((os.getpid(), host), [])
        while True:
            try:
                handle = idle.pop()
            except IndexError:
                return curl_wait.new_handle()
            if handle.socket < 0 or not _hung_up(handle.socket):
                return handle
            handle.close()

    def put_back(self, handle: Handle, host: str = "") -> None:
        """Make a handle forget body and token, though not its connection, and keep it.

        Not even a failed one is closed: after a name look-up that timed out, closing waits for
        the look-up to end, long after the deadline.
        """
        handle.curl.reset()
        self.idle.setdefault((os.getpid(), host), []).append(handle)


def _hung_up(socket: int) -> bool:
    """Say whether the server has closed a connection at rest.

    libcurl asks only after a second of rest, and a request that meets a closed connection has
    an unknown outcome. A server has nothing to say to us at rest, so any input is the end.
    """
    poll = _poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
