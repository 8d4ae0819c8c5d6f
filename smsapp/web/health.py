"""For whatever watches over the processes: is this one alive, is it ready, how does it do."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from smsapp import database_faults, metrics
from smsapp.delivery import health as delivery_health
from smsapp.errors import DatabaseAway
from smsapp.extensions import db, schema_is_current
from smsapp.watch.gauges import Gauges
from smsapp.web import guards

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@guards.public
def healthz() -> ResponseReturnValue:
    """Say that this process answers."""
    return {"status": "ok"}


@bp.get("/readyz")
@guards.public
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
def prometheus() -> ResponseReturnValue:
    """Return all metrics."""
    return metrics.exposition(Gauges()), {"Content-Type": metrics.CONTENT_TYPE}
