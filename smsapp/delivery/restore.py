"""After a restore from a backup: what happened since the backup is lost here, but not at Twilio.

A text that waits, or an event that looks new, may have been sent in that time. So before its
first attempt since the restore each becomes `unknown` with an attempt that stands for whatever
was lost, and reconcile settles it by asking Twilio.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from smsapp.delivery.sender import SenderState
from smsapp.extensions import new_id
from smsapp.models import Attempt, AttemptSource, AttemptState, CallOutcome, Delivery, DeliveryState

log = logging.getLogger(__name__)

# The trouble of an attempt that stands for what was lost.
RESTORED = "restored"

_INSERT_ATTEMPT = insert(Attempt)
_SET = update(Delivery).where(Delivery.id.in_(bindparam("ids", expanding=True)))


def is_perhaps_known(sender_state: SenderState, now: datetime) -> bool:
    """Whether an event that looks new may be a lost one, told again."""
    return sender_state.look_first_until is not None and now < sender_state.look_first_until


def unknown(sender_state: SenderState, now: datetime) -> dict[str, Any]:
    """Return the columns of a delivery that may have been sent in the time that is lost."""
    return {
        "state": DeliveryState.UNKNOWN,
        "state_at": now,
        "due_at": None,
        "last_attempt_at": now,
        "check_at": now,
        # What left before the restore is listed at Twilio soon after it: one empty list suffices.
        "absent_since": sender_state.restored_at,
    }


def look_first(
    conn: Connection, rows: Sequence[Any], sender_state: SenderState, now: datetime
) -> list[Any]:
    """Let claimed rows that were not looked for since a restore wait for that; return the others.

    Args:
        rows: With id, created_at, last_attempt_at and last_number; locked.
    """
    if sender_state.lost_since is None:
        return list(rows)
    lost_since = sender_state.lost_since
    doubtful: list[Any] = []
    others: list[Any] = []
    for row in rows:
        is_doubtful = (row.last_attempt_at or row.created_at) <= lost_since
        (doubtful if is_doubtful else others).append(row)
    if doubtful:
        mark_unknown(conn, doubtful, sender_state, now)
    return others


def mark_unknown(
    conn: Connection, rows: Sequence[Any], sender_state: SenderState, now: datetime
) -> None:
    """Make pending rows (id, channel, last_number) unknown."""
    conn.execute(_SET.values(unknown(sender_state, now)), {"ids": [row.id for row in rows]})
    attempts = [
        _attempt(row.id, row.channel, row.last_number + 1, sender_state, now) for row in rows
    ]
    conn.execute(_INSERT_ATTEMPT, attempts)
    log.info("looked for before they are sent", extra={"count": len(rows)})


def write_attempts(
    conn: Connection, deliveries: Sequence[dict[str, Any]], sender_state: SenderState
) -> None:
    """Write the attempts of those new deliveries that `unknown` was said of."""
    attempts = [
        _attempt(row["id"], row["channel"], 1, sender_state, row["state_at"])
        for row in deliveries
        if row["state"] is DeliveryState.UNKNOWN
    ]
    if attempts:
        conn.execute(_INSERT_ATTEMPT, attempts)


def _attempt(
    delivery_id: Any, channel: Any, number: int, sender_state: SenderState, now: datetime
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "delivery_id": delivery_id,
        "channel": channel,
        "number": number,
        "source": AttemptSource.WORKER,
        "state": AttemptState.UNKNOWN,
        "outcome": CallOutcome.UNKNOWN,
        "trouble": RESTORED,
        "started_at": sender_state.lost_since,
        "settled_at": now,
    }
