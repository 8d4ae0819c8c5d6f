"""The sender: held while Twilio refuses it for our own fault, paused while an operator says so.

What waits for it waits unspent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from smsapp.extensions import insert_into
from smsapp.models import Sender
from smsapp.providers.twilio_codes import DAILY_LIMIT

# How often one delivery may try whether a held sender works again.
PROBE_SECONDS = 30
# Twilio counts the texts of the last 24 hours, so places come free one by one, the first of
# them nobody can tell when: it is asked once an hour, which costs at most an hour.
DAILY_LIMIT_PROBE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says about a sender; nothing, where it never had trouble."""

    held_at: datetime | None = None
    held_code: int | None = None
    probe_at: datetime | None = None
    next_slot_at: datetime | None = None
    slowed_at: datetime | None = None
    slowed_to: float | None = None
    paused_at: datetime | None = None
    pause_reason: str | None = None
    restored_at: datetime | None = None
    lost_since: datetime | None = None
    look_first_until: datetime | None = None

    @property
    def is_held(self) -> bool:
        """Whether Twilio refuses it."""
        return self.held_at is not None

    @property
    def is_paused(self) -> bool:
        """Whether an operator has paused it."""
        return self.paused_at is not None


_STANDING = select(*(getattr(Sender, name) for name in Standing.__dataclass_fields__)).where(
    Sender.name == bindparam("name")
)
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


def standing(conn: Connection, name: str, *, lock: bool = False) -> Standing:
    """Return how a sender stands; with `lock` its row exists and stays as it is.

    Whoever locks it takes nothing else after it that others hold while they wait for it.
    """
    query = _STANDING.with_for_update() if lock else _STANDING
    row = conn.execute(query, {"name": name}).one_or_none()
    if row is None and lock:
        write(conn, name, {})
        row = conn.execute(query, {"name": name}).one_or_none()
    return Standing(*row) if row else Standing()


def write(conn: Connection, name: str, columns: dict[str, Any]) -> None:
    """Set columns of a sender's row, which may not exist yet."""
    insert = insert_into(conn, Sender).values(name=name, **columns)
    conn.execute(
        insert.on_conflict_do_update(index_elements=["name"], set_=columns)
        if columns
        else insert.on_conflict_do_nothing()
    )


def take_probe(conn: Connection, name: str, held_code: int | None, now: datetime) -> bool:
    """Return True to one caller each time that a probe is due: it may try one delivery."""
    then = _next_probe(held_code, now)
    return bool(conn.execute(_TAKE_PROBE, {"of": name, "now": now, "next_probe": then}).all())


def hold(conn: Connection, name: str, code: int, now: datetime) -> bool:
    """Hold the sender; return True if it was not held before for this code."""
    before = standing(conn, name)
    if before.is_held and before.held_code == code:
        return False
    since = before.held_at or now
    columns = {"held_at": since, "held_code": code, "probe_at": _next_probe(code, now)}
    write(conn, name, columns)
    return True


def release(conn: Connection, name: str) -> bool:
    """Let the sender go on; return True if it was held."""
    return bool(conn.execute(_RELEASE, {"of": name}).all())


def _next_probe(code: int | None, now: datetime) -> datetime:
    wait = DAILY_LIMIT_PROBE_SECONDS if code == DAILY_LIMIT else PROBE_SECONDS
    return now + timedelta(seconds=wait)
