"""Why the database cannot be used, in words: for callers, /readyz, the doctor and commands."""

import sqlite3
from enum import StrEnum
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


class Fault(StrEnum):
    """What is wrong with it."""

    AWAY = "The database is not available."
    LOCKED = "Another program holds the database's lock."
    FULL = "The disk that holds the database is full."
    READ_ONLY = "The database is read-only."
    UNOPENED = "The database's file cannot be opened."
    BROKEN = "The disk that holds the database fails."
    DAMAGED = "The database's file is damaged."


# Source: https://www.sqlite.org/rescode.html
_SQLITE = {
    sqlite3.SQLITE_BUSY: Fault.LOCKED,
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_READONLY: Fault.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: Fault.UNOPENED,
    sqlite3.SQLITE_IOERR: Fault.BROKEN,
    sqlite3.SQLITE_CORRUPT: Fault.DAMAGED,
    sqlite3.SQLITE_NOTADB: Fault.DAMAGED,
}
# Source: https://www.postgresql.org/docs/16/errcodes-appendix.html
_POSTGRESQL = {
    "25006": Fault.READ_ONLY,
    "53100": Fault.FULL,
    "55P03": Fault.LOCKED,
    "58030": Fault.BROKEN,
}
# It can still be read with these, and whoever only reads would not notice.
_ONLY_WRITING = {Fault.FULL, Fault.READ_ONLY, Fault.BROKEN}

_noted: WeakKeyDictionary[Engine, Fault] = WeakKeyDictionary()


def of(error: BaseException) -> Fault | None:
    """Return what an exception says about the database; None where it is about a row."""
    original = getattr(error, "orig", error)
    # The low byte of SQLite's extended codes is the code.
    known = _SQLITE.get(getattr(original, "sqlite_errorcode", 0) & 0xFF)
    known = known or _POSTGRESQL.get(getattr(original, "sqlstate", None) or "")
    if known:
        return known
    away = isinstance(error, OperationalError | InterfaceError | PoolTimeoutError | TimeoutError)
    return Fault.AWAY if away else None


def noted(engine: Engine) -> Fault | None:
    """Return why this process could not write, though it may well read; it may be over by now."""
    return _noted.get(engine)


def forget(engine: Engine) -> None:
    """Forget it: something has been written."""
    _noted.pop(engine, None)


@event.listens_for(Engine, "handle_error")
def _note(context: ExceptionContext) -> None:
    fault = of(context.original_exception)
    if fault in _ONLY_WRITING and context.engine:
        _noted[context.engine] = fault
