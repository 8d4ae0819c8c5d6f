"""gunicorn's worker of greenlets, with connections of our own and an end that waits.

Of gunicorn's settings those about reading HTTP do not apply; connection.py has limits and times.
"""

import os
import time
from typing import Any, ClassVar

import gevent
from gevent.lock import BoundedSemaphore
from gevent.server import StreamServer
from gunicorn.workers import ggevent  # type: ignore[import-untyped]

from smsapp.web.connection import Connection

# How long a connection stays open for one more request when the process ends. That one is
# answered, and told that it was the last.
LINGER_SECONDS = 1.0
LOOK_SECONDS = 1.0
MOST_AT_THE_DOOR = 2048  # gunicorn's backlog


class Door(StreamServer):  # type: ignore[misc]
    """Where connections come in."""

    all: ClassVar[list["Door"]] = []

    def start(self) -> None:
        """Open it."""
        super().start()
        self.all.append(self)

    def _do_read(self) -> None:
        """Let somebody in; the next one may come in elsewhere.

        Else the quickest of several processes gets twice as many callers as another, and they
        wait twice as long.
        """
        super()._do_read()
        if self.max_accept == 1 and self._watcher:  # so gunicorn says that we are several
            self.stop_accepting()
            self._timer = self.loop.timer(0)
            self._timer.start(self._start_accepting_if_started)

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


class Worker(ggevent.GeventWorker):  # type: ignore[misc]
    """A web process.

    Attributes:
        stop_outbox_worker: Ends the embedded worker, if there is one (worker.start).
    """

    stop_outbox_worker: Any = None

    def init_process(self) -> None:
        """Begin, after the fork."""
        self._room = BoundedSemaphore(self.cfg.threads)
        self._connections: set[Connection] = set()
        super().init_process()

    def run(self) -> None:
        """Serve until told to end."""
        gevent.spawn(self._look_after_connections)
        super().run()

    def handle(self, _door: Any, client: Any, address: Any) -> None:
        """Serve one connection."""
        client.setblocking(1)
        connection = Connection(
            client, address, self.wsgi, self._room, self.cfg.keepalive, lambda: not self.alive
        )
        self._connections.add(connection)
        try:
            connection.serve()
        finally:
            self._connections.discard(connection)

    def _look_after_connections(self) -> None:
        """Hang up on who takes too long, all in one place: a timer for each would cost more."""
        while True:
            gevent.sleep(LOOK_SECONDS)
            now = time.monotonic()
            for connection in list(self._connections):
                if connection.until < now:
                    connection.hang_up()

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
        if self.stop_outbox_worker:
            self.stop_outbox_worker(wait=False)
        while True:
            gevent.sleep(LINGER_SECONDS)
            for connection in list(self._connections):
                if connection.is_at_rest:
                    connection.hang_up()
