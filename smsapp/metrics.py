"""Prometheus metrics; no label holds a phone, a SID, a key or an event id."""

import os

from prometheus_client import REGISTRY as THIS_PROCESS
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess

EVENTS = Counter("smsapp_events", "Business events by kind and answer.", ["kind", "answer"])
SENT = Counter("smsapp_calls", "Calls to Twilio by outcome.", ["outcome"])
RECEIPTS = Counter("smsapp_receipts", "Receipts by status and effect.", ["status", "taken"])
INBOUND = Counter("smsapp_inbound", "Texts from people, by keyword.", ["keyword", "taken"])
VERIFICATIONS = Counter("smsapp_verifications", "Verifications by what happened.", ["what"])
REFUSED = Counter("smsapp_callbacks_refused", "Webhooks refused, by why.", ["why"])
REQUESTS = Histogram(
    "smsapp_http_request_seconds", "HTTP requests by route.", ["route", "method", "status"]
)


def exposition() -> bytes:
    """Return all metrics in Prometheus's text format, of all web processes where there are more.

    gunicorn.conf.py sets PROMETHEUS_MULTIPROC_DIR before this module is imported.
    """
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(THIS_PROCESS)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
