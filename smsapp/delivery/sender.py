"""The sender, and holding it: what Twilio refuses for our own fault waits, unspent."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from smsapp.models import Sender

# How often one delivery may try whether a held sender works again.
PROBE_SECONDS = 30

_PROBE_AT = select(Sender.probe_at).where(Sender.name == bindparam("name"))
_TAKE_PROBE = (
    update(Sender)
    .where(Sender.name == bindparam("of"), Sender.probe_at <= bindparam("now"))
    .values(probe_at=bindparam("next_probe"))
    .returning(Sender.name)
)
_RELEASE = (
    update(Sender)
    .where(Sender.name == bindparam("of"), Sender.held_at.is_not(None))
    .values(held_at=None, held_code=None, probe_at=None)
    .returning(Sender.name)
)


def is_held(conn: Connection, name: str) -> bool:
    """Whether texts from this sender wait for an operator."""
    return conn.execute(_PROBE_AT, {"name": name}).scalar_one_or_none() is not None


def take_probe(conn: Connection, name: str, now: datetime) -> bool:
    """Return True to one caller in each PROBE_SECONDS: it may try one delivery."""
    later = now + timedelta(seconds=PROBE_SECONDS)
    return bool(conn.execute(_TAKE_PROBE, {"of": name, "now": now, "next_probe": later}).all())


def hold(conn: Connection, name: str, code: int, now: datetime) -> bool:
    """Hold the sender; return True if it was not held before."""
    if is_held(conn, name):
        return False
    row: dict[str, Any] = {
        "held_at": now,
        "held_code": code,
        "probe_at": now + timedelta(seconds=PROBE_SECONDS),
    }
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    conn.execute(
        dialect.insert(Sender)
        .values(name=name, **row)
        .on_conflict_do_update(index_elements=["name"], set_=row)
    )
    return True


def release(conn: Connection, name: str) -> bool:
    """Let the sender go on; return True if it was held."""
    return bool(conn.execute(_RELEASE, {"of": name}).all())
