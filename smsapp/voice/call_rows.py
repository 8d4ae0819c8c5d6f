"""The rows of calls: written when a call is first heard of, moved on by what Twilio posts."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from smsapp.extensions import insert_into
from smsapp.models import Call, CallDirection

MAX_KEYS = 200
# From then on a call is over.
ENDINGS = {
    "completed": "Over",
    "busy": "Busy",
    "no-answer": "Not answered",
    "failed": "Not put through",
    "canceled": "Ended before anybody answered",
}
ENDED = frozenset(ENDINGS)

_PRESS = (
    update(Call)
    .where(Call.sid == bindparam("of"))
    .values(keys=func.substr(func.trim(Call.keys + " " + bindparam("pressed")), 1, MAX_KEYS))
)
_STANDS = select(Call.status, Call.sequence).where(Call.sid == bindparam("of")).with_for_update()


def begin(
    conn: Connection,
    sid: str,
    phone_key: str,
    direction: CallDirection,
    now: datetime,
    attempt_id: uuid.UUID | None = None,
) -> None:
    """Write a call down, unless it is there; its number must be in the phone table."""
    row = {
        "sid": sid,
        "phone_key": phone_key,
        "direction": direction,
        "attempt_id": attempt_id,
        "status": "ringing",
        "began_at": now,
    }
    conn.execute(insert_into(conn, Call).values(row).on_conflict_do_nothing())


def press(conn: Connection, sid: str, keys: str) -> None:
    """Add keys to those that were pressed in a call."""
    conn.execute(_PRESS, {"of": sid, "pressed": keys})


def move(
    conn: Connection,
    sid: str,
    status: str,
    sequence: int,
    now: datetime,
    seconds: int | None = None,
    answered_by: str | None = None,
) -> None:
    """Let a call follow a status callback; the end outranks whatever comes after it."""
    stands: Any = conn.execute(_STANDS, {"of": sid}).one_or_none()
    if stands is None or stands.status in ENDED:
        return
    is_end = status in ENDED
    if not is_end and sequence <= stands.sequence:
        return
    values: dict[str, Any] = {"status": status, "sequence": sequence}
    if is_end:
        values |= {"ended_at": now, "seconds": seconds}
    if answered_by:
        values["answered_by"] = answered_by
    conn.execute(update(Call).where(Call.sid == sid).values(values))
