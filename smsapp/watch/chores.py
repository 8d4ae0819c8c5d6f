"""What one process does for all: whoever takes a chore first has it until it is due again."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update

from smsapp.extensions import database_now, db, insert_into, reading
from smsapp.models import Chore

_DUE = select(Chore.due_at).where(Chore.name == bindparam("name"))
_TAKE = (
    update(Chore)
    .where(Chore.name == bindparam("of"), Chore.due_at <= bindparam("now"))
    .values(due_at=bindparam("later"))
    .returning(Chore.name)
)


def take(name: str, every: timedelta) -> bool:
    """Return True to one caller in each `every`, in whatever process and on whatever machine.

    Should that one be killed, the next has it when it is due again: nothing has to be unlocked.
    """
    with reading() as conn:  # most come too early, and need no lock to see it
        due = conn.execute(_DUE, {"name": name}).scalar_one_or_none()
        if due is not None and due > database_now(conn):
            return False
    with db.engine.begin() as conn:
        now = database_now(conn)
        if due is None:
            first = insert_into(conn, Chore).values(name=name, due_at=now)
            conn.execute(first.on_conflict_do_nothing())
        return bool(conn.execute(_TAKE, {"of": name, "now": now, "later": now + every}).all())


def put_off(name: str, until: datetime) -> None:
    """Let a chore that took long rest for longer."""
    with db.engine.begin() as conn:
        conn.execute(update(Chore).where(Chore.name == name).values(due_at=until))
