"""gunicorn's worker of greenlets, told how many requests to answer at once and how to end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore
from gunicorn.workers.ggevent import GeventWorker  # type: ignore[import-untyped]

# How long kept connections stay open when the process ends. A request that is under way on one
# is answered, and told that it was the last; then those are closed that nobody uses.
LINGER_SECONDS = 2.0


class Worker(GeventWorker):  # type: ignore[misc]
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

    def handle_request(self, *request: Any) -> Any:
        """Answer one request; a connection at rest takes no room."""
        with self._room:
            return super().handle_request(*request)

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Wait for the next request of a connection."""
        here = gevent.getcurrent()
        with gevent.Timeout(self.cfg.keepalive, False) as timeout:
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
        """Let the embedded worker end beside the requests, for they share the grace time.

        gunicorn itself would wait for connections at rest until that is over.
        """
        if self.stop_outbox_worker:
            self.stop_outbox_worker(wait=False)
        gevent.sleep(LINGER_SECONDS)
        for greenlet, timeout in list(self._waiting.items()):
            gevent.get_hub().loop.run_callback(self._hang_up, greenlet, timeout)

    def _hang_up(self, greenlet: Any, timeout: gevent.Timeout) -> None:
        """End a wait, unless the next request has come meanwhile: that one is answered."""
        if self._waiting.get(greenlet) is timeout:
            greenlet.throw(timeout)
