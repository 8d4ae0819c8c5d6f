"""The circuit breaker of a sender: open while Twilio refuses our account or our sender.

What waits for it waits unspent. Half open, one delivery at a time tries whether it works again.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, update

from smsapp.delivery import sender
from smsapp.models import Sender
from smsapp.providers.twilio_codes import DAILY_LIMIT

# How often one delivery may try whether an open one may be closed.
HALF_OPEN_SECONDS = 30
# Twilio counts the texts of the last 24 hours, so places come free one by one, the first of
# them nobody can tell when: it is asked once an hour, which costs at most an hour.
DAILY_LIMIT_SECONDS = 3600

_HALF_OPEN = (
    update(Sender)
    .where(Sender.name == bindparam("of"), Sender.probe_at <= bindparam("now"))
    .values(probe_at=bindparam("next_probe"))
    .returning(Sender.name)
)
_CLOSE = (
    update(Sender)
    .where(Sender.name == bindparam("of"), Sender.held_at.is_not(None))
    .values(held_at=None, held_code=None, probe_at=None)
    .returning(Sender.name)
)


def half_open(conn: Connection, name: str, held_code: int | None, now: datetime) -> bool:
    """Half open: return True to one caller each time that it is due, who may try one delivery."""
    then = _next_half_open(held_code, now)
    return bool(conn.execute(_HALF_OPEN, {"of": name, "now": now, "next_probe": then}).all())


def trip(conn: Connection, name: str, code: int, now: datetime) -> bool:
    """Open it: all texts wait; return True if it was not open before for this code."""
    before = sender.read_state(conn, name)
    if before.is_held and before.held_code == code:
        return False
    since = before.held_at or now
    columns = {"held_at": since, "held_code": code, "probe_at": _next_half_open(code, now)}
    sender.write(conn, name, columns)
    return True


def close(conn: Connection, name: str) -> bool:
    """Let texts leave again; return True if it was open."""
    return bool(conn.execute(_CLOSE, {"of": name}).all())


def _next_half_open(code: int | None, now: datetime) -> datetime:
    wait = DAILY_LIMIT_SECONDS if code == DAILY_LIMIT else HALF_OPEN_SECONDS
    return now + timedelta(seconds=wait)
