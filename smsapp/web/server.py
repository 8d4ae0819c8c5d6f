"""gunicorn's worker of greenlets, with an end that waits for nobody at rest and cuts nobody off."""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from gunicorn.workers.ggevent import GeventWorker  # type: ignore[import-untyped]

# How long a connection at rest stays open for one more request, once no new ones come in. Less
# than the second after which gunicorn looks whether all have gone.
LINGER_SECONDS = 0.8


class Worker(GeventWorker):  # type: ignore[misc]
    """A web process.

    Attributes:
        room: What a request holds while it is answered; there is room for WEB_THREADS.
        requests: What each connection is being answered; None while it rests.
        stop_outbox_worker: Ends the embedded worker, if there is one (worker.start).
    """

    stop_outbox_worker: Callable[..., None] | None = None

    def init_process(self) -> None:
        """Begin, after the fork."""
        self.room = BoundedSemaphore(self.cfg.threads)
        self.requests: dict[socket.socket, Any] = {}
        super().init_process()

    def handle(self, listener: Any, client: socket.socket, addr: Any) -> None:
        """Serve one connection."""
        self.requests[client] = None
        try:
            super().handle(listener, client, addr)
        finally:
            del self.requests[client]

    def handle_request(self, listener_name: Any, req: Any, sock: socket.socket, addr: Any) -> None:
        """Answer one request."""
        self.requests[sock] = req
        try:
            with self.room:
                super().handle_request(listener_name, req, sock, addr)
        finally:
            self.requests[sock] = None

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Refuse what is no request; neither the answer nor the log repeats what was sent."""
        if isinstance(exc, ParseException):
            addr, exc = None, type(exc)("")
        super().handle_error(req, client, addr, exc)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Take SIGTERM."""
        super().handle_exit(sig, frame)
        gevent.spawn(self.end)  # a signal handler must not wait, not even for a lock

    def end(self) -> None:
        """Make what is being answered the last on its connection, and end the embedded worker.

        That one ends beside the requests: they share the grace time.
        """
        for req in filter(None, self.requests.values()):
            req.force_close()
        if self.stop_outbox_worker:
            self.stop_outbox_worker(wait=False)

    def notify(self) -> None:
        """Say that the process lives: gunicorn asks each second, and once no new callers come in.

        Then it waits for all connections to end, those at rest too, so these are hung up.
        """
        super().notify()
        if not self.alive:
            gevent.spawn_later(LINGER_SECONDS, self.hang_up)

    def hang_up(self) -> None:
        """Let connections at rest end; a request that has come by now is answered all the same."""
        for client, req in list(self.requests.items()):
            if req is None:
                with suppress(OSError):  # gone already
                    client.shutdown(socket.SHUT_RD)
