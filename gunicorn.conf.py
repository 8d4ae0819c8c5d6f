"""How gunicorn runs the app: `gunicorn wsgi:app`. Its settings are the app's."""

from gevent import monkey

# Before anything else is imported: whoever has a socket or a lock by then keeps a blocking one.
monkey.patch_all()

# ruff: noqa: E402
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from dotenv import load_dotenv
from gunicorn import glogging

from smsapp import sqlite
from smsapp.config import ConfigError, load

ROOT = Path(__file__).resolve().parent

load_dotenv()
try:
    settings = load(os.environ)
except ConfigError as faults:
    sys.exit(str(faults))

if fault := sqlite.unwritable(settings.database_url, ROOT / "instance"):
    sys.exit(fault)

host = f"[{settings.bind}]" if ":" in settings.bind else settings.bind
bind = f"{host}:{settings.port}"
workers = settings.web_concurrency
# Greenlets: measured (benchmarks/), they answer twice as many requests as threads do here, for a
# thread that waits for others' turn at Python's lock costs more than the work it waits to do.
worker_class = "smsapp.web.server.Worker"
threads = settings.web_threads  # how many requests it answers at once
worker_connections = 10_000  # and how many connections it keeps, most of them at rest
# Loaded once, before the fork: faults end the start, and processes share the memory.
preload_app = True
timeout = 60
graceful_timeout = 25
keepalive = 75  # longer than a proxy keeps an idle connection, so that it never meets a closed one
# Whom we believe about a caller is TRUSTED_PROXIES' to say, and no header's.
secure_scheme_headers = {}
forwarder_headers = ""
# Else it is written into the home folder.
control_socket_disable = True


class Logger(glogging.Logger):
    """Leaves requests to the app, which writes a line for each, the route in place of the path."""

    def access(self, resp, req, environ, request_time):
        """Write nothing, and above all put together nothing to write."""


logger_class = Logger
# logs.py formats gunicorn's own messages.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "smsapp.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
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


def pre_fork(server, worker):
    """Let timers that libraries have set run out: a fork would copy them with their greenlets."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()


def post_worker_init(worker):
    """Start what runs beside the requests, after the fork: threads do not survive one."""
    from smsapp.web import jobs  # noqa: PLC0415  see _metrics_folder

    worker.stop_jobs = jobs.start(worker.app.callable.app_context)
    if settings.runs_embedded_worker:
        from smsapp import worker as outbox_worker  # noqa: PLC0415  see _metrics_folder

        worker.stop_outbox_worker = outbox_worker.start(worker.app.callable.app_context)


def worker_exit(server, worker):
    """Let what runs beside the requests finish what it holds."""
    for name in ("stop_outbox_worker", "stop_jobs"):
        stop = getattr(worker, name, None)
        if stop:
            stop()


def child_exit(server, worker):
    """Keep what a process that is gone has counted, and remove its files."""
    if _metrics_folder:
        from smsapp import metrics  # noqa: PLC0415  see _metrics_folder

        metrics.merge_dead_process(worker.pid, Path(_metrics_folder))


def on_exit(server):
    """Remove this run's metrics."""
    if _metrics_folder:
        shutil.rmtree(_metrics_folder, ignore_errors=True)
