"""Metrics that are read from the database whenever Prometheus asks: depths and ages.

Each comes from a partial index of just the rows in question, and none counts further than
MAX_COUNTED: beyond that the exact depth of the outbox matters to nobody.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.exc import SQLAlchemyError

from smsapp.delivery import health
from smsapp.delivery.health import Health
from smsapp.extensions import database_now, reading
from smsapp.models import Alarm, AlarmKind, Channel, Delivery, DeliveryState

MAX_COUNTED = 100_000

log = logging.getLogger(__name__)


def _depth(state: DeliveryState) -> Select[int]:
    # The state stands in the statement itself: with a parameter in its place a prepared plan
    # cannot use the partial index.
    of_state = Delivery.state == bindparam("state", state, literal_execute=True)
    is_real = Delivery.channel != Channel.TEST
    counted = select(1).where(of_state, is_real).limit(MAX_COUNTED).subquery()
    return select(func.count()).select_from(counted)


_PENDING = _depth(DeliveryState.PENDING)
_UNKNOWN = _depth(DeliveryState.UNKNOWN)
_OLDEST_UNKNOWN = select(func.min(Delivery.state_at)).where(
    Delivery.state == bindparam("state", DeliveryState.UNKNOWN, literal_execute=True),
    Delivery.channel != Channel.TEST,
)
_OPEN = (
    select(Alarm.kind, func.count().label("open"))
    .where(Alarm.cleared_at.is_(None))
    .group_by(Alarm.kind)
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many deliveries wait or are of unknown fate, and for how long the oldest of these."""

    pending: int
    unknown: int
    oldest_unknown: timedelta | None
    health: Health


def read_waiting() -> Waiting:
    """Read the same from the database."""
    with reading() as conn:
        now = database_now(conn)
        pending = conn.execute(_PENDING).scalar_one()
        unknown = conn.execute(_UNKNOWN).scalar_one()
        since = conn.execute(_OLDEST_UNKNOWN).scalar_one()
        of_outbox = health.read(conn)
    age = None if since is None else max(timedelta(0), now - since)
    return Waiting(pending, unknown, age, of_outbox)


class Gauges(Collector):
    """The database's part of /metrics; while the database is away, just that it is."""

    def collect(self) -> Iterator[Metric]:
        """Read the metrics from the database."""
        try:
            now = read_waiting()
            with reading() as conn:
                alarms = {row.kind: row.open for row in conn.execute(_OPEN)}
        except (SQLAlchemyError, TimeoutError):
            log.exception("no metrics from the database")
            yield GaugeMetricFamily(*_UP, value=0)
            return
        yield GaugeMetricFamily(*_UP, value=1)
        gauges = (
            ("smsapp_outbox_deliveries", f"Pending deliveries, up to {MAX_COUNTED}.", now.pending),
            (
                "smsapp_outbox_oldest_due_seconds",
                "For how long the oldest due delivery has been due; 0 where none is.",
                now.health.oldest_due_seconds or 0,
            ),
            (
                "smsapp_unknown_deliveries",
                f"Deliveries of unknown fate, up to {MAX_COUNTED}.",
                now.unknown,
            ),
            (
                "smsapp_unknown_oldest_seconds",
                "For how long the oldest of them has been unknown; 0 where there is none.",
                now.oldest_unknown.total_seconds() if now.oldest_unknown else 0,
            ),
            (
                "smsapp_worker_seen_seconds",
                "Since a worker was last heard of.",
                now.health.worker_seen_seconds,
            ),
            (
                "smsapp_sender_held",
                "Whether texts wait because Twilio refuses our account or sender.",
                int(now.health.sender_is_held),
            ),
        )
        for name, about, value in gauges:
            if value is not None:
                yield GaugeMetricFamily(name, about, value=value)
        open_alarms = GaugeMetricFamily("smsapp_alarms_open", "Open alarms.", labels=["kind"])
        for kind in AlarmKind:
            open_alarms.add_metric([kind.value], alarms.get(kind, 0))
        yield open_alarms


_UP = ("smsapp_database_up", "Whether the database answers.")
