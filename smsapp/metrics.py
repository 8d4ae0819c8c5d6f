"""Prometheus metrics; no label holds a phone, a SID, a key or any other word without bounds.

docs/metrics.md lists what is here.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import REGISTRY as THIS_PROCESS
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.registry import Collector

from smsapp import clock

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FOLDER = "PROMETHEUS_MULTIPROC_DIR"

# Seconds. What a person waits for; and how long a text takes to arrive: up to a day where a
# phone is switched off.
_ANSWERS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ARRIVALS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0)

EVENTS = Counter("smsapp_events", "Business events by kind and answer.", ["kind", "answer"])
SENT = Counter("smsapp_calls", "Calls to Twilio by outcome.", ["outcome"])
FAILURES = Counter(
    "smsapp_failures",
    "What failed, by where we learnt of it, what it means and Twilio's code.",
    ["where", "error_class", "code"],
)
RECEIPTS = Counter("smsapp_receipts", "Receipts by status and effect.", ["status", "taken"])
INBOUND = Counter("smsapp_inbound", "Texts from people, by keyword.", ["keyword", "taken"])
VERIFICATIONS = Counter(
    "smsapp_verifications", "Verifications by what happened and channel.", ["what", "channel"]
)
ACKNOWLEDGED = Counter("smsapp_incidents_acknowledged", "Incidents taken, by door.", ["door"])
REFUSED = Counter("smsapp_callbacks_refused", "Webhooks refused, by why.", ["why"])
WEBHOOKS = Counter("smsapp_webhooks", "Webhooks to callers, by what came of it.", ["outcome"])
REQUESTS = Histogram(
    "smsapp_http_request_seconds",
    "HTTP requests by route and class of status.",
    ["route", "method", "status"],
    buckets=_ANSWERS,
)
ACCEPTANCE = Histogram(
    "smsapp_event_accepted_seconds",
    "From an event's arrival here until it was safe in the database.",
    ["kind"],
    buckets=_ANSWERS,
)
TO_TWILIO = Histogram(
    "smsapp_event_to_twilio_seconds",
    "From an event's acceptance until Twilio took its text.",
    ["kind"],
    buckets=_ARRIVALS,
)
TO_DELIVERED = Histogram(
    "smsapp_event_to_delivered_seconds",
    "From an event's acceptance until the receipt that its text was delivered.",
    ["kind"],
    buckets=_ARRIVALS,
)


def count(metric: Counter, *labels: object) -> None:
    """Add one to a counter; a label's value comes from a short list, never from a caller."""
    metric.labels(*labels).inc()


def observe(metric: Histogram, seconds: float, *labels: object) -> None:
    """Note how long something took."""
    metric.labels(*labels).observe(seconds)


def seconds_since(made: uuid.UUID) -> float:
    """Return how long ago an id was made: a UUID of version 7 begins with its milliseconds.

    It costs no column and no query. By this machine's clock, so between machines only as true as
    their clocks are; never negative.
    """
    return max(0.0, clock.now().timestamp() - (made.int >> 80) / 1000)


def exposition(*more: Collector) -> bytes:
    """Return all metrics in Prometheus's text format, of all web processes where there are more.

    `more` is asked now, once, by the one process that answers: what the database knows.
    gunicorn.conf.py sets PROMETHEUS_MULTIPROC_DIR before this module is imported.
    """
    now = CollectorRegistry()
    for collector in more:
        now.register(collector)
    folder = os.environ.get(FOLDER)
    if folder is None:
        return generate_latest(THIS_PROCESS) + generate_latest(now)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    with _locked(Path(folder), fcntl.LOCK_SH):
        return generate_latest(registry) + generate_latest(now)


def merge_dead_process(pid: int, folder: Path) -> None:
    """Add what a dead process has counted to the book of the dead, and remove its files.

    What it counted must not be forgotten, for a counter that falls looks like a restart; but a
    file for each process that ever was would slow every scrape. Nobody reads meanwhile.
    """
    with _locked(folder, fcntl.LOCK_EX):
        for path in folder.glob(f"*_{pid}.db"):
            kind = path.name.partition("_")[0]
            book = MmapedDict(str(folder / f"{kind}_dead.db"))  # type: ignore[no-untyped-call]
            try:
                for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
                    before, _ = book.read_value(key)  # type: ignore[no-untyped-call]
                    book.write_value(key, before + value, 0.0)  # type: ignore[no-untyped-call]
            finally:
                book.close()  # type: ignore[no-untyped-call]
            path.unlink()


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, how)
        yield
