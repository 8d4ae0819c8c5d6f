"""Pausing: an operator stops all texts, looks, and lets them go on; also after a restore.

A pause stands on the sender in the database, so every process keeps it at once. Receipts, texts
from people and look-ups go on meanwhile.
"""

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select, update

from smsapp import logs
from smsapp.delivery import channels, leases, pace, restore, sender
from smsapp.delivery.sender import SenderState
from smsapp.extensions import database_now, db, reading
from smsapp.models import Attempt, Channel, Delivery, DeliveryState, Worker
from smsapp.phone import mask

log = logging.getLogger(__name__)

MAX_REASON = 200
PAGE = 500
# Where the backup is empty and tells no time.
NOTHING_KNOWN_FOR = timedelta(days=30)

_WAITING = select(func.count()).where(
    Delivery.state == DeliveryState.PENDING,
    Delivery.due_at <= bindparam("now"),
    Delivery.channel == bindparam("channel"),
)
_LAST_WRITTEN = (
    select(func.max(Delivery.created_at)),
    select(func.max(Delivery.state_at)),
    select(func.max(Delivery.last_attempt_at)),
    select(func.max(Worker.seen_at)),
)
_PENDING = (
    select(
        Delivery.id,
        Delivery.channel,
        select(func.coalesce(func.max(Attempt.number), 0))
        .where(Attempt.delivery_id == Delivery.id)
        .scalar_subquery()
        .label("last_number"),
    )
    .where(Delivery.state == DeliveryState.PENDING, Delivery.id > bindparam("after"))
    .order_by(Delivery.id)
    .limit(PAGE)
    .with_for_update(of=Delivery)
)
_END_LEASES = (
    update(Delivery)
    .where(Delivery.state == DeliveryState.SENDING)
    .values(lease_until=bindparam("before"))
)


@dataclass(frozen=True, slots=True)
class Status:
    """How a sender stands: texts a second now (None: no limit), and texts due."""

    sender: str
    sender_state: SenderState
    per_second: float | None
    waiting: int


def statuses() -> list[Status]:
    """Return how sending stands, channel by channel."""
    found = []
    with reading() as conn:
        now = database_now(conn)
        for of in channels.senders().values():
            sender_state = sender.read_state(conn, of.name)
            waiting = conn.execute(_WAITING, {"now": now, "channel": of.channel}).scalar_one()
            per_second = pace.rate(sender_state, of.per_second, now)
            found.append(Status(of.name, sender_state, per_second, waiting))
    return found


def pause(reason: str | None) -> None:
    """Let no text leave until `resume`, in no process; what waits, waits unspent.

    Numbers in the reason are blotted out: it is no place for them.
    """
    with db.engine.begin() as conn:
        _pause(conn, reason)


def _pause(conn: Connection, reason: str | None) -> None:
    for of in channels.senders().values():
        before = sender.read_state(conn, of.name, lock=True)
        columns = {
            "paused_at": before.paused_at or database_now(conn),
            "pause_reason": logs.scrub(reason)[:MAX_REASON] if reason else None,
        }
        sender.write(conn, of.name, columns)
        log.warning("sending paused", extra={"sender": mask(of.name)})


def resume() -> bool:
    """Let texts go, at the throttle's pace; return False where nothing was paused."""
    was_paused = False
    with db.engine.begin() as conn:
        for of in channels.senders().values():
            if sender.read_state(conn, of.name, lock=True).is_paused:
                sender.write(conn, of.name, {"paused_at": None, "pause_reason": None})
                log.warning("sending resumed", extra={"sender": mask(of.name)})
                was_paused = True
    return was_paused


def restored(look_first: timedelta) -> int:
    """Take in that the database was restored from a backup; return how many texts are in doubt.

    Sending is paused. All that may have been sent since the backup becomes `unknown`, so that
    Twilio is asked before anything is sent; for as long as `look_first`, new events too, because
    services tell the lost ones again.
    """
    with db.engine.begin() as conn:
        _pause(conn, "restored from a backup")
        now = database_now(conn)
        written = [conn.execute(query).scalar_one() for query in _LAST_WRITTEN]
        lost_since = max((at for at in written if at), default=now - NOTHING_KNOWN_FOR)
        names = [of.name for of in channels.senders().values()]
        for name in names:
            before = sender.read_state(conn, name)
            if before.lost_since and restore.is_perhaps_known(before, now):
                lost_since = min(before.lost_since, lost_since)  # told twice of one restore
        columns: dict[str, datetime | None] = {
            "restored_at": now,
            "lost_since": lost_since,
            "look_first_until": now + look_first,
        }
        for name in names:
            sender.write(conn, name, columns)
    with db.engine.begin() as conn:
        # Who held them has died, or sent them long ago.
        conn.execute(_END_LEASES, {"before": lost_since})
        count = leases.lapse(conn)
    after = uuid.UUID(int=0)
    while page := _doubt_page(after):
        after = page[-1]
        count += len(page)
    log.warning("restored from a backup", extra={"count": count})
    return count


def _doubt_page(after: uuid.UUID) -> list[uuid.UUID]:
    with db.engine.begin() as conn:
        rows = conn.execute(_PENDING, {"after": after}).all()
        if rows:
            # All senders were restored at once, so that any of them tells when.
            name = channels.sender_of(Channel.SMS).name
            restore.mark_unknown(conn, rows, sender.read_state(conn, name), database_now(conn))
    return [row.id for row in rows]
