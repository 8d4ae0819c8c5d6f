"""API keys of internal services: made, listed, revoked, recognised."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from smsapp.extensions import database_now, db, reading, reading_objects, write_if_free
from smsapp.models import ApiKey


class Scope(StrEnum):
    """What a key may be good for."""

    SEND = "send"
    VERIFY = "verify"
    READ = "read"
    WEBHOOKS = "webhooks"


@dataclass(frozen=True, slots=True)
class Caller:
    """A service that has shown a valid key."""

    id: int
    name: str
    scopes: frozenset[str]


class NameTaken(Exception):
    """There is a key of this name, perhaps a revoked one: its name stays in the logs."""


# A revoked key is out within this time, in every process; without it each request would ask
# the database who it is.
REMEMBERED_SECONDS = 3.0
USE_NOTED_EVERY = timedelta(minutes=1)

_remembered: WeakKeyDictionary[Engine, dict[str, tuple[float, Caller]]] = WeakKeyDictionary()


def create(name: str, scopes: set[Scope]) -> str:
    """Make a key and return it; it is not shown again, for only its hash is kept.

    Raises:
        NameTaken: A key of this name exists.
    """
    key = secrets.token_urlsafe(32)
    try:
        with db.engine.begin() as conn:
            conn.execute(
                insert(ApiKey).values(
                    name=name,
                    key_hash=_hash(key),
                    scopes=" ".join(sorted(scopes)),
                    created_at=database_now(conn),
                )
            )
    except IntegrityError:
        raise NameTaken from None
    return key


def list_all() -> list[ApiKey]:
    """Return all keys, the revoked ones too, by name."""
    with reading_objects() as rows:
        return list(rows.scalars(select(ApiKey).order_by(ApiKey.name)))


def revoke(name: str) -> bool:
    """Revoke a key; return False where no live one has this name."""
    with db.engine.begin() as conn:
        revoked = conn.execute(
            update(ApiKey)
            .where(ApiKey.name == name, ApiKey.revoked_at.is_(None))
            .values(revoked_at=database_now(conn))
            .returning(ApiKey.id)
        ).all()
    return bool(revoked)


def recognise(key: str) -> Caller | None:
    """Return who shows this key, or None. A random key of 256 bits needs no slow hash."""
    remembered = _remembered.setdefault(db.engine, {})
    key_hash = _hash(key)
    until, caller = remembered.get(key_hash, (0.0, None))
    if caller and time.monotonic() < until:
        return caller
    remembered.pop(key_hash, None)
    with reading() as conn:
        row = conn.execute(
            select(ApiKey).where(ApiKey.key_hash == key_hash, ApiKey.revoked_at.is_(None))
        ).one_or_none()
        now = database_now(conn)
    if row is None:
        return None
    caller = Caller(row.id, row.name, frozenset(row.scopes.split()))
    remembered[key_hash] = (time.monotonic() + REMEMBERED_SECONDS, caller)
    if row.last_used_at is None or now - row.last_used_at >= USE_NOTED_EVERY:
        _note_use(row.id, now)
    return caller


def _note_use(key_id: int, now: datetime) -> None:
    """Write when a key was last used; once a minute, however many processes see it."""
    write_if_free(
        update(ApiKey)
        .where(
            ApiKey.id == key_id,
            or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= now - USE_NOTED_EVERY),
        )
        .values(last_used_at=now)
    )


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
