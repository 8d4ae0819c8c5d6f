"""API keys of internal services: made, listed, revoked, recognised."""

import hashlib
import hmac
import secrets
import time
from contextlib import suppress
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
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Caller:
    """A service that has shown a valid key."""

    id: int
    name: str
    scopes: frozenset[str]
    is_test: bool = False


class NameTaken(Exception):
    """There is a key of this name, perhaps a revoked one: its name stays in the logs."""


# What a test key may be good for: nothing of these leaves the app, or tells of real messages.
TEST_SCOPES = frozenset({Scope.SEND, Scope.READ})

# A revoked key is out within this time, in every process; without it each request would ask
# the database who it is.
REMEMBERED_SECONDS = 3.0
MAX_NAME = 80
USE_NOTED_EVERY = timedelta(minutes=1)

_remembered: WeakKeyDictionary[Engine, dict[str, tuple[float, Caller]]] = WeakKeyDictionary()


class NotForTests(Exception):
    """A test key cannot have these scopes: what they open is real."""


def create(name: str, scopes: set[Scope], *, is_test: bool = False) -> str:
    """Make a key and return it; it is not shown again, for only its hash is kept.

    Raises:
        NameTaken: A key of this name exists.
        NotForTests: It is to be a test key, and one of the scopes is not in TEST_SCOPES.
    """
    if is_test and not scopes <= TEST_SCOPES:
        raise NotForTests
    key = secrets.token_urlsafe(32)
    _write(name, key, scopes, is_test=is_test)
    return key


def _write(name: str, key: str, scopes: set[Scope], *, is_test: bool) -> None:
    try:
        with db.engine.begin() as conn:
            conn.execute(
                insert(ApiKey).values(
                    name=name,
                    key_hash=_hash(key),
                    scopes=" ".join(sorted(scopes)),
                    is_test=is_test,
                    created_at=database_now(conn),
                )
            )
    except IntegrityError:
        raise NameTaken from None


def for_trying(of: str, secret: bytes) -> str | None:
    """Return a test key of somebody's to try the API with, which is made where there is none yet.

    It follows from their name and the secret, so that it can be shown again and is kept nowhere.
    None where it was revoked.

    Args:
        of: Whose it is; its name says so.
        secret: Without it nobody can tell the key.
    """
    key = _for_trying(of, secret)
    with suppress(NameTaken):
        if recognise(key) is None:
            _write(f"docs of {of}, {_hash(key)[:6]}", key, set(TEST_SCOPES), is_test=True)
    return key if recognise(key) else None


def revoke_for_trying(of: str, secret: bytes) -> None:
    """Revoke that key, if there is one: its owner has left."""
    its = ApiKey.key_hash == _hash(_for_trying(of, secret))
    with db.engine.begin() as conn:
        revoked = update(ApiKey).where(its, ApiKey.revoked_at.is_(None))
        conn.execute(revoked.values(revoked_at=database_now(conn)))


def _for_trying(of: str, secret: bytes) -> str:
    return hmac.digest(secret, b"test key of " + of.encode(), "sha256").hex()


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
    caller = Caller(row.id, row.name, frozenset(row.scopes.split()), row.is_test)
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
