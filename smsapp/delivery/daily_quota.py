"""MAX_TEXTS_PER_NUMBER_PER_DAY: how many texts a number may get between two midnights, UTC."""

import logging
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from smsapp.models import (
    Delivery,
)

log = logging.getLogger(__name__)

# What is told to whoever is on call has limits of its own (oncall/storms.py), and waits for no day.
UNLIMITED = frozenset({"incident_paged", "incident_told"})

_TEXTS_SINCE = (
    select(Delivery.phone_key, func.count())
    .where(
        Delivery.phone_key.in_(bindparam("phone_keys", expanding=True)),
        Delivery.last_attempt_at >= bindparam("since"),
    )
    .group_by(Delivery.phone_key)
)


def texts_today(conn: Connection, phone_keys: Collection[str], now: datetime) -> Counter[str]:
    """Return how many texts were tried to each of these numbers since midnight."""
    found = conn.execute(_TEXTS_SINCE, {"phone_keys": list(phone_keys), "since": midnight(now)})
    return Counter({row.phone_key: row[1] for row in found})


def reserve(texts: Counter[str], phone_key: str, most: int) -> bool:
    """Count one more text to a number; return False where the day's are used up.

    MAX_TEXTS_PER_NUMBER_PER_DAY stops a service that loops before a customer is buried.
    """
    if texts[phone_key] >= most:
        log.warning("daily limit of a number reached", extra={"phone_key": phone_key})
        return False
    texts[phone_key] += 1
    return True


def next_day(now: datetime) -> datetime:
    """Return when a number's texts are counted afresh."""
    return midnight(now) + timedelta(days=1)


def midnight(now: datetime) -> datetime:
    """Return when the day began."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
