"""Opt-outs: STOP, per phone, above every consent."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from smsapp.models import OptOut, OptOutSource

_IN_FORCE = select(OptOut.phone_key).where(
    OptOut.phone_key.in_(bindparam("phone_keys", expanding=True)), OptOut.lifted_at.is_(None)
)


def in_force(conn: Connection, phone_keys: Iterable[str]) -> set[str]:
    """Return those of the phone keys that may not be texted at all."""
    return set(conn.execute(_IN_FORCE, {"phone_keys": list(phone_keys)}).scalars())


def record(conn: Connection, phone_key: str, source: OptOutSource, at: datetime) -> bool:
    """Write an opt-out; return False where one is in force already.

    The caller holds the number's lock, so that two of them cannot both write.
    """
    if in_force(conn, [phone_key]):
        return False
    conn.execute(insert(OptOut).values(phone_key=phone_key, source=source, created_at=at))
    return True
