"""For whatever watches over the processes: is this one alive, is it ready, how does it do."""

from typing import Literal

from flask import Blueprint
from flask.typing import ResponseReturnValue
from typing_extensions import TypedDict

from smsapp import database_faults, metrics
from smsapp.delivery import health as delivery_health
from smsapp.errors import DatabaseAway, NotFound
from smsapp.extensions import db, schema_is_current
from smsapp.watch.gauges import Gauges
from smsapp.web import guards
from smsapp.web.operations import Operation, told

bp = Blueprint("health", __name__)


class Alive(TypedDict):
    """It answers."""

    status: Literal["ok"]


class Ready(Alive):
    """Ages in seconds; null where nothing waits, no worker was ever seen, or there is no limit."""

    outboxAgeSeconds: int | None
    workerSeenSecondsAgo: int | None
    workerIsSilent: bool
    senderIsHeld: bool
    senderIsPaused: bool
    messagesPerSecond: float | None


@bp.get("/healthz")
@guards.public
@told(Operation({200: (Alive,)}))
def healthz() -> ResponseReturnValue:
    """Say that this process answers."""
    return {"status": "ok"}


@bp.get("/readyz")
@guards.public
@told(Operation({200: (Ready,)}, errors=(DatabaseAway,)))
def readyz() -> ResponseReturnValue:
    """Say whether the database is there with our schema, can be written, and how the outbox does.

    An old outbox or a silent worker is reported and does not fail: to take web processes away
    would not help.
    """
    if database_faults.noted(db.engine):
        delivery_health.check_writing()
    if not schema_is_current():
        raise DatabaseAway("The database's schema is not this version's: run flask db upgrade.")
    health = delivery_health.current()
    return {
        "status": "ok",
        "outboxAgeSeconds": health.oldest_due_seconds,
        "workerSeenSecondsAgo": health.worker_seen_seconds,
        "workerIsSilent": health.worker_is_silent,
        "senderIsHeld": health.sender_is_held,
        "senderIsPaused": health.sender_is_paused,
        "messagesPerSecond": health.per_second,
    }


@bp.get("/metrics")
@guards.metrics_token
@told(Operation({200: (str,)}, errors=(NotFound,)))
def prometheus() -> ResponseReturnValue:
    """Return all metrics, as Prometheus reads them; where METRICS_TOKEN is set."""
    return metrics.exposition(Gauges()), {"Content-Type": metrics.CONTENT_TYPE}
