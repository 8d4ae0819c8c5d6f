"""gunicorn's worker of greenlets, told how many requests to answer at once and how to end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import gevent
from gevent.lock import BoundedSemaphore
from gevent.server import StreamServer
from gunicorn.workers import ggevent  # type: ignore[import-untyped]

# How long a connection stays open for one more request when the process ends. That one is
# answered, and told that it was the last.
LINGER_SECONDS = 1.0
MOST_AT_THE_DOOR = 2048  # gunicorn's backlog


class Door(StreamServer):  # type: ignore[misc]
    """Where connections come in."""

    all: ClassVar[list["Door"]] = []

    def start(self) -> None:
        """Open it."""
        super().start()
        self.all.append(self)

    def close(self) -> None:
        """Let in who is there already, and close it.

        gevent closes it a turn of its loop later, and who came in between would be cut off.
        """
        if self in self.all:
            self.all.remove(self)
            self.max_accept = MOST_AT_THE_DOOR
            self.stop_accepting()
            self._do_read()
            os.close(self.socket.detach())
        super().close()


ggevent.StreamServer = Door  # gunicorn asks for no other


@dataclass(frozen=True, slots=True)
class Address:
    """That of a door, which is asked for even when the door is closed."""

    name: Any

    def getsockname(self) -> Any:
        """Return it."""
        return self.name


class Worker(ggevent.GeventWorker):  # type: ignore[misc]
    """A web process.

    Attributes:
        stop_outbox_worker: Ends the embedded worker, if there is one (worker.start).
    """

    stop_outbox_worker: Any = None

    def init_process(self) -> None:
        """Begin, after the fork."""
        self._room = BoundedSemaphore(self.cfg.threads)
        self._waiting: dict[Any, gevent.Timeout] = {}
        super().init_process()

    def run(self) -> None:
        """Serve until told to end."""
        self._addresses = {door: Address(door.getsockname()) for door in self.sockets}
        super().run()

    def handle(self, door: Any, client: Any, address: Any) -> None:
        """Serve one connection."""
        super().handle(self._addresses[door], client, address)

    def handle_request(self, *request: Any) -> Any:
        """Answer one request; a connection at rest takes no room."""
        with self._room:
            return super().handle_request(*request)

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Wait for the next request of a connection."""
        here = gevent.getcurrent()
        seconds = self.cfg.keepalive if self.alive else LINGER_SECONDS
        with gevent.Timeout(seconds, False) as timeout:
            self._waiting[here] = timeout
            try:
                yield
            finally:
                del self._waiting[here]

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Take SIGTERM."""
        super().handle_exit(sig, frame)
        gevent.spawn(self._end)  # a signal handler must not wait, not even for a lock

    def _end(self) -> None:
        """Close the door, and hang up where nobody asks for anything any more.

        gunicorn would do the one a second later, when all who are answered have come in again,
        and never the other. The embedded worker ends beside the requests: they share the grace
        time.
        """
        for door in list(Door.all):
            door.close()
        at_rest = list(self._waiting.items())
        if self.stop_outbox_worker:
            self.stop_outbox_worker(wait=False)
        gevent.sleep(LINGER_SECONDS)
        for connection, timeout in at_rest:
            gevent.get_hub().loop.run_callback(self._hang_up, connection, timeout)

    def _hang_up(self, connection: Any, timeout: gevent.Timeout) -> None:
        """End a wait, unless a request has come."""
        if self._waiting.get(connection) is timeout:
            connection.throw(timeout)
