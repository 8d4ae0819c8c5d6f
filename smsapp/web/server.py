"""gunicorn's worker of greenlets, with connections of our own and an end that waits.

Of gunicorn's settings those about reading HTTP do not apply; connection.py has limits and times.
"""

import mmap
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
MAX_AT_THE_DOOR = 2048  # gunicorn's backlog

# How many a process lets in at once, by how many callers it may be ahead of another before, and how
# soon it looks again if it is. For so long it lets one wait for the others, or bears that they come
# without a pause: then they hang or have enough to do, and for a while it lets in whoever comes.
AT_ONCE = 4
AHEAD = 2
LOOK_AGAIN_SECONDS = 0.001
PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 0.1
IMPATIENCE_SECONDS = 1.0

MAX_PROCESSES = 256
# All processes share these, for they are there before the first fork: each one's callers, plus one,
# or 0 where there is no process; and how often one that was patient has come to let somebody in.
_shared = memoryview(mmap.mmap(-1, 8 * (MAX_PROCESSES + 1))).cast("q")
_callers, _let_in = _shared[:MAX_PROCESSES], _shared[MAX_PROCESSES:]


class Door(StreamServer):  # type: ignore[misc]
    """Where connections come in."""

    all: ClassVar[list["Door"]] = []
    place: ClassVar[int] = 0  # where this process counts its callers
    max_accept: int  # gevent's: how many are let in at once
    _known_let_in = -1
    _looked_at = _waits_since = _impatient_until = 0.0  # by monotonic()

    def start(self) -> None:
        """Open it."""
        if self.max_accept == 1:  # so gunicorn says that we are one of several
            self.max_accept = AT_ONCE
        super().start()
        self.all.append(self)

    def _do_read(self) -> None:
        """Let somebody in, unless another process has fewer callers.

        Else the quickest of several processes gets many more than another, and they wait longer.
        """
        if self._leaves_it_to_another():
            self.stop_accepting()
            self._timer = self.loop.timer(LOOK_AGAIN_SECONDS)
            self._timer.start(self._start_accepting_if_started)
            return
        super()._do_read()
        if time.monotonic() > self._impatient_until:
            _let_in[0] += 1

    def _leaves_it_to_another(self) -> bool:
        if _callers[self.place] <= min(filter(None, _callers), default=0) + AHEAD:
            return False
        now = time.monotonic()
        if _let_in[0] != self._known_let_in and now - self._looked_at > PAUSE_SECONDS:
            self._waits_since = now  # somebody has come for the last one: this is another
        self._known_let_in, self._looked_at = _let_in[0], now
        if now - self._waits_since > PATIENCE_SECONDS:
            self._impatient_until = now + IMPATIENCE_SECONDS
        return now > self._impatient_until

    def close(self) -> None:
        """Let in who is there already, and close it.

        gevent closes it a turn of its loop later, and who came in between would be cut off.
        """
        if self in self.all:
            self.all.remove(self)
            self.max_accept = MAX_AT_THE_DOOR
            self.stop_accepting()
            super()._do_read()
            os.close(self.socket.detach())
        super().close()


ggevent.StreamServer = Door  # gunicorn asks for no other


class Worker(ggevent.GeventWorker):  # type: ignore[misc]
    """A web process.

    Attributes:
        stop_outbox_worker: Ends the embedded worker, if there is one (worker.start).
    """

    stop_outbox_worker: Any = None
    _place = 0

    def __init__(self, age: int, *rest: Any) -> None:
        super().__init__(age, *rest)
        self._place = age % MAX_PROCESSES  # the age is one more for each process

    def init_process(self) -> None:
        """Begin, after the fork."""
        self._room = BoundedSemaphore(self.cfg.threads)
        self._connections: set[Connection] = set()
        super().init_process()

    def run(self) -> None:
        """Serve until told to end."""
        gevent.spawn(self._look_after_connections)
        Door.place = self._place
        self._count_callers()  # not before: nobody has to wait for a process that is starting
        super().run()

    def handle(self, _door: Any, client: Any, address: Any) -> None:
        """Serve one connection."""
        client.setblocking(1)
        connection = Connection(
            client, address, self.wsgi, self._room, self.cfg.keepalive, lambda: not self.alive
        )
        self._connections.add(connection)
        self._count_callers()
        try:
            connection.serve()
        finally:
            self._connections.discard(connection)
            self._count_callers()

    def _count_callers(self) -> None:
        _callers[self._place] = len(self._connections) + 1 if self.alive else 0

    def forget(self) -> None:
        """Let nobody wait for a process that has ended, in whatever way; the master says so."""
        _callers[self._place] = 0

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
        self._count_callers()
        if self.stop_outbox_worker:
            self.stop_outbox_worker(wait=False)
        while True:
            gevent.sleep(LINGER_SECONDS)
            for connection in list(self._connections):
                if connection.is_at_rest:
                    connection.hang_up()
