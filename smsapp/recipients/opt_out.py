"""Opt-outs: STOP, per phone, above every consent."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, insert, select, update

from smsapp.models import OptOut, OptOutSource


def in_force_for(phone_key: Any) -> Any:
    """Return SQL's answer to whether an opt-out is in force for a column's phone key."""
    return exists().where(OptOut.phone_key == phone_key, OptOut.lifted_at.is_(None))


_IN_FORCE = select(OptOut.phone_key).where(
    OptOut.phone_key.in_(bindparam("phone_keys", expanding=True)), OptOut.lifted_at.is_(None)
)


def in_force(conn: Connection, phone_keys: Iterable[str]) -> set[str]:
    """Return those of the phone keys that may not be texted at all."""
    return set(conn.execute(_IN_FORCE, {"phone_keys": list(phone_keys)}).scalars())


def add(conn: Connection, phone_key: str, source: OptOutSource, at: datetime) -> bool:
    """Write an opt-out; return False where one is in force already.

    The caller holds the number's lock, so that two of them cannot both write.
    """
    if in_force(conn, [phone_key]):
        return False
    conn.execute(insert(OptOut).values(phone_key=phone_key, source=source, created_at=at))
    return True


def was_lifted_since(conn: Connection, phone_key: str, at: datetime) -> bool:
    """Whether the number's owner has asked for texts again since then."""
    lifted = select(OptOut.id).where(OptOut.phone_key == phone_key, OptOut.lifted_at > at)
    return conn.execute(lifted.limit(1)).one_or_none() is not None


# What a person's grant on the page takes back. A STOP by text is kept by the carrier too, and
# only a START by text ends it there.
LIFTED_BY_PAGE = frozenset({OptOutSource.PAGE, OptOutSource.OPERATOR})


def lift(
    conn: Connection,
    phone_key: str,
    at: datetime,
    sources: Collection[OptOutSource],
    *,
    made_before: datetime | None = None,
) -> bool:
    """End the opt-out in force if it came from one of `sources`; return whether there was one.

    With `made_before` only one that is older than that.
    """
    ends = [OptOut.phone_key == phone_key, OptOut.lifted_at.is_(None), OptOut.source.in_(sources)]
    if made_before:
        ends.append(OptOut.created_at < made_before)
    lifted = conn.execute(update(OptOut).where(*ends).values(lifted_at=at).returning(OptOut.id))
    return bool(lifted.all())
