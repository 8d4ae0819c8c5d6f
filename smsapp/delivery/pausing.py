"""Pausing: an operator stops all texts, looks, and lets them go on.

A pause stands on the sender in the database, so every process keeps it at once. Receipts, texts
from people and look-ups go on meanwhile.
"""

import logging
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from smsapp import logs
from smsapp.delivery import sender, throttle
from smsapp.delivery.sender import Standing
from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import Delivery, DeliveryState
from smsapp.phone import mask

log = logging.getLogger(__name__)

LONGEST_REASON = 200

_WAITING = select(func.count()).where(
    Delivery.state == DeliveryState.PENDING, Delivery.due_at <= bindparam("now")
)


@dataclass(frozen=True, slots=True)
class Status:
    """How sending stands: the sender, texts a second now (None: no limit), texts due."""

    sender: str
    standing: Standing
    per_second: float | None
    waiting: int


def status() -> Status:
    """Return how sending stands."""
    config = settings()
    with reading() as conn:
        now = database_now(conn)
        standing = sender.standing(conn, config.sender)
        waiting = conn.execute(_WAITING, {"now": now}).scalar_one()
    per_second = throttle.rate(standing, config.messages_per_second, now)
    return Status(config.sender, standing, per_second, waiting)


def pause(reason: str | None) -> None:
    """Let no text leave until `resume`, in no process; what waits, waits unspent.

    Numbers in the reason are blotted out: it is no place for them.
    """
    with db.engine.begin() as conn:
        _pause(conn, reason)


def _pause(conn: Connection, reason: str | None) -> None:
    name = settings().sender
    before = sender.standing(conn, name, lock=True)
    columns = {
        "paused_at": before.paused_at or database_now(conn),
        "pause_reason": logs.scrub(reason)[:LONGEST_REASON] if reason else None,
    }
    sender.write(conn, name, columns)
    log.warning("sending paused", extra={"sender": mask(name)})


def resume() -> bool:
    """Let texts go, at the throttle's pace; return False where nothing was paused."""
    name = settings().sender
    with db.engine.begin() as conn:
        if not sender.standing(conn, name, lock=True).is_paused:
            return False
        sender.write(conn, name, {"paused_at": None, "pause_reason": None})
    log.warning("sending resumed", extra={"sender": mask(name)})
    return True
