"""How SQLite is used: durable, strict, able to be read while it is written, and never in the way.

SQLite waits for a lock by sleeping in C, and all greenlets of its process sleep with it, the one
that answers /healthz too. So it is told not to wait at all, and whoever wants the lock tries
again, with a sleep that lets the others go on.
"""

import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

# Who has not got a lock by then is told that the database is away. Twilio waits 15 s for an
# answer, and posts again what a 503 answered.
LOCK_SECONDS = 10.0
# A write takes some milliseconds; a lock that is held for longer may be held for minutes.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.001, 0.1

# What lies beside a database's file: its log, its index, and where processes take turns.
BESIDE = ("-wal", "-shm", ".lock")

# An execution option of a connection: how many seconds to wait for locks instead.
LOCK_SECONDS_OPTION = "lock_seconds"


def file_of(database_url: str, instance: Path) -> Path:
    """Return the file that a sqlite:/// URL names; a relative one lies in the instance folder."""
    return instance / (make_url(database_url).database or "")


def unwritable(database_url: str, instance: Path) -> str | None:
    """Return why nothing should start with this database; None where it can be written.

    Beside its file lie its log and its index, which come and go, so the folder counts too.
    """
    if not database_url.startswith("sqlite"):
        return None
    file = file_of(database_url, instance)
    for path in (file.parent, file):
        if path.exists() and not os.access(path, os.W_OK):
            return f"smsapp cannot start: {path}, where its database is, is read-only for this user"
    return None


def close_to_others(database_url: str, instance: Path) -> None:
    """Let other users of this machine read neither a database that was made open nor what is new.

    SQLite gives the log and the index beside its file that file's own mode, whatever the umask is.
    """
    if not database_url.startswith("sqlite"):
        return
    file = file_of(database_url, instance)
    for path in (file, *(Path(f"{file}{end}") for end in BESIDE)):
        with suppress(OSError):  # it is not there, or another user's; the doctor tells
            mode = path.stat().st_mode
            if mode & 0o007:
                path.chmod(mode & 0o770)


def when_free(do: Callable[[], object], seconds: float = LOCK_SECONDS) -> None:
    """Do something as soon as no lock is in its way.

    Raises:
        sqlite3.OperationalError, sqlalchemy.exc.OperationalError: The lock was held for so long,
            or something else is wrong.
    """
    until = time.monotonic() + seconds
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            do()
            return
        except (sqlite3.OperationalError, OperationalError) as error:
            if not is_locked(error) or time.monotonic() + wait > until:
                raise
        # Of many who wait not all should try at the same moment.
        time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311  not a secret
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)


def is_locked(error: Exception) -> bool:
    """Whether SQLite says that somebody else holds the lock."""
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY


@event.listens_for(Engine, "connect")
def _set_up(connection: Any, _record: Any) -> None:
    """Set up a connection."""
    if not isinstance(connection, sqlite3.Connection):
        return
    # The driver's own transactions begin late and lose updates between processes; see _begin.
    connection.isolation_level = None
    for pragma in (
        "busy_timeout=0",
        # Whoever is first after a crash mends the log, or after the last has gone makes a new one.
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        # Pages; four times SQLite's own. Who fills the log copies it into the database and waits
        # for the disk twice; a page that was written several times meanwhile is copied once.
        "wal_autocheckpoint=4000",
    ):
        when_free(lambda pragma=pragma: connection.execute(f"PRAGMA {pragma}"))  # type: ignore[misc]


@event.listens_for(Engine, "begin")
def _begin(conn: Connection) -> None:
    """Take what a transaction needs at once: what is read in it then still holds.

    For one that writes that is the write lock. One that only reads has to wait for no writer, but
    may for somebody who mends the log, or has the file to themselves.
    """
    if conn.dialect.name != "sqlite":
        return
    options = conn.get_execution_options()
    seconds = options.get(LOCK_SECONDS_OPTION, LOCK_SECONDS)
    if options.get("read_only", False):
        conn.exec_driver_sql("BEGIN")
        when_free(lambda: conn.exec_driver_sql("SELECT 1 FROM sqlite_schema LIMIT 1"), seconds)
    else:
        when_free(lambda: conn.exec_driver_sql("BEGIN IMMEDIATE"), seconds)
