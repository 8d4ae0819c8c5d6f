"""How gunicorn runs the app: `gunicorn wsgi:app`. Its settings are the app's."""

from gevent import monkey

# Before anything else is imported: whoever has a socket or a lock by then keeps a blocking one.
monkey.patch_all()

# ruff: noqa: E402
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import ClassVar

import gevent
from dotenv import load_dotenv
from gevent import getcurrent
from greenlet import greenlet
from gunicorn import glogging, util
from gunicorn.workers.ggevent import GeventWorker

from smsapp.config import ConfigError, load

load_dotenv()
try:
    settings = load(os.environ)
except ConfigError as faults:
    sys.exit(str(faults))

bind = f"0.0.0.0:{settings.port}"
workers = settings.web_concurrency
# Greenlets: measured (benchmarks/), they answer twice as many requests as threads do here, for a
# thread that waits for others' turn at Python's lock costs more than the work it waits to do.
worker_connections = settings.web_threads
# Loaded once, before the fork: faults end the start, and processes share the memory.
preload_app = True
timeout = 60
graceful_timeout = 25
keepalive = 75  # longer than a proxy keeps an idle connection, so that it never meets a closed one
# Else it is written into the home folder.
control_socket_disable = True


class Idle(gevent.Timeout):
    """A connection's wait for its next request, which can be ended early."""

    all: ClassVar[dict["Idle", greenlet]] = {}

    def __enter__(self):
        """Begin to wait."""
        self.all[self] = getcurrent()
        return super().__enter__()

    def __exit__(self, *error):
        """End, in silence where it took too long or was told to."""
        self.all.pop(self, None)
        return super().__exit__(*error)


class Worker(GeventWorker):
    """Hangs up on idle connections when it is to stop; else it would wait for them to time out."""

    def timeout_ctx(self):
        """Return the wait for a connection's next request."""
        return Idle(self.cfg.keepalive, False)

    def notify(self):
        """Show that this process lives; gunicorn calls it while it serves, and while it stops."""
        super().notify()
        if not self.alive:
            for wait, connection in list(Idle.all.items()):
                gevent.kill(connection, wait)


class Logger(glogging.Logger):
    """Leaves requests to the app, which writes a line for each, the route in place of the path."""

    def access(self, resp, req, environ, request_time):
        """Write nothing, and above all put together nothing to write."""


worker_class = Worker
logger_class = Logger
# logs.py formats gunicorn's own messages.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "smsapp.logs.JsonFormatter"}},
    "handlers": {
        "stderr": {
            "class": "smsapp.logs.LineHandler",
            "formatter": "json",
        }
    },
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
    },
}

# Metrics of several processes are added up from files in a folder of this run's own. It has to
# be in the environment before prometheus_client is imported, hence the imports further down.
_metrics_folder = tempfile.mkdtemp(prefix="smsapp-metrics-") if workers > 1 else None
if _metrics_folder:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _metrics_folder

# Its own answers to what is no HTTP would hand back the line it could not read, which an
# intermediary may log: a number, or a key.
_write_error = util.write_error
util.write_error = lambda sock, status, reason, _message: _write_error(sock, status, reason, "")


def pre_fork(server, worker):
    """Let timers that libraries have set run out: a fork would copy them with their greenlets."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()


def post_worker_init(worker):
    """Start what runs beside the requests, after the fork: threads do not survive one."""
    from smsapp.watch import threads  # noqa: PLC0415  see _metrics_folder

    worker.stop_watching = threads.start_in_web(worker.app.callable.app_context)
    if settings.runs_embedded_worker:
        from smsapp import worker as outbox_worker  # noqa: PLC0415  see _metrics_folder

        stop = worker.stop_outbox_worker = outbox_worker.start(worker.app.callable.app_context)
        # It finishes while the requests do, not after them: the two share the grace time.
        finish = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda *given: (stop(wait=False), finish(*given)))
    _hang_up_at_once(worker)


def _hang_up_at_once(worker):
    """Let a worker that ends refuse new callers, who then go elsewhere or wait.

    gthread's sockets listen until its last request has ended, so that who connects meanwhile
    would be cut off then, unanswered. Who has connected already is still served.
    """
    accept_more = getattr(worker, "set_accept_enabled", None)
    if accept_more is None:
        return

    def accept_or_close(enabled):
        accept_more(enabled)
        if enabled or worker.alive:
            return
        for listener in worker.sockets:
            count = -1
            while worker.nr_conns != count:
                count = worker.nr_conns
                worker.accept(listener)
            listener.close()

    worker.set_accept_enabled = accept_or_close


def worker_exit(server, worker):
    """Let what runs beside the requests finish what it holds."""
    for name in ("stop_outbox_worker", "stop_watching"):
        stop = getattr(worker, name, None)
        if stop:
            stop()


def child_exit(server, worker):
    """Keep what a process that is gone has counted, and remove its files."""
    if _metrics_folder:
        from smsapp import metrics  # noqa: PLC0415  see _metrics_folder

        metrics.bury(worker.pid, Path(_metrics_folder))


def on_exit(server):
    """Remove this run's metrics."""
    if _metrics_folder:
        shutil.rmtree(_metrics_folder, ignore_errors=True)
