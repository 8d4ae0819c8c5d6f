"""The database, forms' CSRF protection, rate limits and migrations, before any app exists."""

import math
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import uuid_utils.compat
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask_limiter import Limiter
from flask_limiter import RateLimitExceeded as RateLimitExceeded  # noqa: PLC0414  web has it from here
from flask_limiter.util import get_remote_address
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFError as CSRFError  # noqa: PLC0414  app has it from here
from flask_wtf.csrf import CSRFProtect
from redis.exceptions import RedisError
from sqlalchemy import Connection, DateTime, Executable, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from smsapp import clock
from smsapp.config import Settings
from smsapp.models.base import Base
from smsapp.sqlite import LOCK_SECONDS_OPTION

# Where templates, static files and migrations lie.
ROOT = Path(__file__).resolve().parent.parent

db = SQLAlchemy(metadata=Base.metadata)
csrf = CSRFProtect()
limiter = Limiter(key_func=get_remote_address)
migrate = Migrate(directory=str(ROOT / "migrations"), render_as_batch=True, compare_type=True)


# What somebody is told to wait where nobody can say.
LIMIT_UNKNOWN_SECONDS = 60

_CLOCK = select(func.clock_timestamp(type_=DateTime(timezone=True)))


def settings() -> Settings:
    """Return the settings of the running app."""
    return cast(Settings, current_app.extensions["settings"])


def seconds_until_let_in() -> int:
    """Return how long whoever met a limit just now has to wait."""
    limit = limiter.current_limit
    try:
        wait = limit.reset_at - time.time() if limit else 0
    except RedisError:  # it went away between the count and this question
        wait = LIMIT_UNKNOWN_SECONDS
    return max(1, math.ceil(wait))


def database_now(conn: Connection) -> datetime:
    """Return the database's time, which all machines share; on SQLite the process's.

    Not now(), which is when the transaction began: whoever has waited for a lock must not
    believe that what happened meanwhile lies in the future.
    """
    if conn.dialect.name == "sqlite":
        return clock.now()
    return conn.execute(_CLOCK).scalar_one().astimezone(UTC)


def insert_into(conn: Connection, table: type[Any]) -> Any:
    """Return the INSERT of this database's own kind, which can say what to do about a conflict."""
    dialect: Any = postgresql if conn.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def new_id() -> uuid.UUID:
    """Return a UUID of version 7: ordered by time, so that indexes grow at one end."""
    return uuid_utils.compat.uuid7()


def first_id(at: datetime) -> uuid.UUID:
    """Return the least id that can have been made at a time.

    So a primary key finds the rows of an hour, and needs no index on when they were made.
    """
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80)


def schema_is_current() -> bool:
    """Whether the database has this version's schema, or, during a deploy, the next one's."""
    with reading() as conn:
        now = set(MigrationContext.configure(conn).get_current_heads())
    heads, known = _revisions()
    return now == heads or bool(now - known)


@lru_cache
def _revisions() -> tuple[set[str], set[str]]:
    scripts = ScriptDirectory(str(ROOT / "migrations"))
    return set(scripts.get_heads()), {script.revision for script in scripts.walk_revisions()}


@contextmanager
def reading(*, snapshot: bool = False) -> Iterator[Connection]:
    """Open a connection for reading alone: on SQLite it waits for no writer and blocks none.

    With `snapshot` all its statements see one state of the database; on SQLite they always do.
    """
    with db.engine.connect() as conn:
        if snapshot and conn.dialect.name == "postgresql":
            conn.execution_options(isolation_level="REPEATABLE READ")
        yield conn.execution_options(read_only=True)


@contextmanager
def reading_objects() -> Iterator[Session]:
    """Do the same for whole rows as objects, which live on when it is closed."""
    with reading() as conn, Session(conn) as session:
        yield session


def write_if_free(statement: Executable) -> None:
    """Write what may as well be missing, such as when somebody was last seen.

    Whoever reads a page must not wait for those who write: while a lock is held, it is missing.
    """
    with suppress(OperationalError), db.engine.connect() as conn:
        conn.execution_options(**{LOCK_SECONDS_OPTION: 0.0})
        with conn.begin():
            if conn.dialect.name == "postgresql":
                conn.execute(text("SET LOCAL lock_timeout = '100ms'"))
            conn.execute(statement)
