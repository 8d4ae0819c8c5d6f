"""One commit for many requests.

A commit costs a flush to disk whether it holds one row or sixty. So the requests of a process
hand their rows to one writer thread, which takes all that are waiting, writes them in one
transaction and only then lets their callers answer.

The contract: `write(engine, statement, row)` returns when `row` is committed, or raises what
went wrong with it. `statement(conn, rows)` gets the rows of all who wait for that statement,
in any order, and returns a result for each in the same order; it must not depend on which rows
or statements share its transaction, because rows of a transaction that fails are written again
one by one, so that a bad row fails its own caller alone.
"""

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from smsapp import database_faults

Row = TypeVar("Row")
Result = TypeVar("Result")
Statement = Callable[[Connection, list[Row]], list[Result]]

# Beyond this a larger batch saves nothing more per row, and a statement's parameters have to
# stay under SQLite's limit of 32,766.
MAX_ROWS = 128

MAX_TRIES = 3

# A batch takes some 3 ms, and there may be as many before ours as there are other processes.
TURN_SECONDS = 1.0
TRY_SECONDS = 0.0005

# A database that takes longer is away, for a caller who waits.
MAX_WAIT_SECONDS = 20.0


def write(engine: Engine, statement: Statement[Row, Result], row: Row) -> Result:
    """Write one row in a commit shared with whoever else is waiting; return its result.

    Raises:
        Exception: What `statement` raised for this row, or SQLAlchemy's OperationalError
            when the database is away; nothing of the row is then committed.
        TimeoutError: The database hangs. What was not begun by then is not written any more;
            whether the rest is will show.
    """
    waiting = _Waiting(statement, row)
    _writer(engine).put(waiting)
    if not waiting.written.acquire(timeout=MAX_WAIT_SECONDS):
        waiting.is_wanted = False
        raise TimeoutError
    if waiting.error:
        raise waiting.error
    result: Result = waiting.result
    return result


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True)
class _Waiting:
    """A row, and the caller who waits for it (a bare lock: a future costs ten times as much).

    Who has given up has told somebody that nothing was done, and would not send what was leased.
    """

    statement: Statement[Any, Any]
    row: Any
    is_wanted: bool = True
    written: threading.Lock = field(default_factory=_locked)
    result: Any = None
    error: Exception | None = None


class _Writer:
    """The thread that writes for one engine."""

    def __init__(self, engine: Engine) -> None:
        self.pid = os.getpid()
        self._engine = engine
        self._queue = _queue(engine)
        self._waiting: deque[_Waiting] = deque()
        self._ready = threading.Semaphore(0)
        threading.Thread(target=self._run, name="group-commit", daemon=True).start()

    def put(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._ready.release()

    def _run(self) -> None:
        while True:
            self._ready.acquire()
            time.sleep(0)  # who is about to hand in a row comes along
            with _turn(self._queue):  # and so does who hands one in while we wait for our turn
                self._write_waiting()

    def _write_waiting(self) -> None:
        batch = [self._waiting.popleft()]
        while len(batch) < MAX_ROWS and self._ready.acquire(blocking=False):
            batch.append(self._waiting.popleft())
        by_statement: dict[Statement[Any, Any], list[_Waiting]] = {}
        for waiting in batch:
            by_statement.setdefault(waiting.statement, []).append(waiting)
        groups = list(by_statement.values())
        if self._queue:
            self._write(groups)
            return
        # A transaction for each kind: each takes its locks in an order of its own, and one
        # after the other in a single transaction they could wait for each other in a circle.
        for group in groups:
            self._write([group])

    def _write(self, groups: list[list[_Waiting]], tries: int = 1) -> None:
        """Write rows, by statement, in one transaction and let their callers answer."""
        try:
            with self._engine.begin() as conn:  # which may take a while
                wanted = ([each for each in rows if each.is_wanted] for rows in groups)
                answers = [
                    answer
                    for rows in wanted
                    if rows
                    for answer in zip(
                        rows, rows[0].statement(conn, [each.row for each in rows]), strict=True
                    )
                ]
        except Exception as error:  # noqa: BLE001  handed to the callers, who raise it
            rows = [waiting for group in groups for waiting in group]
            if len(rows) == 1 and _is_passing(error) and tries < MAX_TRIES:
                self._write(groups, tries + 1)
            elif len(rows) == 1 or _is_away(error):
                for waiting in rows:
                    waiting.error = error
                    waiting.written.release()
            elif len(groups) > 1:
                for group in groups:
                    self._write([group])
            else:
                for waiting in rows:
                    self._write([[waiting]])
            return
        for waiting, result in answers:
            waiting.result = result
            waiting.written.release()


def _is_passing(error: Exception) -> bool:
    """Whether it was a deadlock or the like (SQLSTATE class 40), which passes by itself."""
    sqlstate = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return sqlstate.startswith("40")


def _is_away(error: Exception) -> bool:
    """Whether row by row would only wait once more for a database that is not there."""
    return database_faults.of(error) is not None and not _is_passing(error)


def _queue(engine: Engine) -> IO[str] | None:
    """Open the file at which this machine's processes take turns before SQLite's write lock.

    To ask for that lock in vain costs a transaction that is begun and undone; to ask here, a call.
    """
    database = engine.url.database
    on_disk = engine.dialect.name == "sqlite" and database
    return Path(f"{database}.lock").open("a") if on_disk else None


@contextmanager
def _turn(queue: IO[str] | None) -> Iterator[None]:
    """Be the one process that writes.

    By trying, for whoever waits in the system's queue keeps all greenlets of its process waiting.
    The turn only spares SQLite quarrels about its lock: who holds it and does not go on, stopped
    by a debugger or waiting for a lock that somebody else holds, is passed by.
    """
    if queue is None:
        yield
        return
    until = time.monotonic() + TURN_SECONDS
    while not (is_ours := _try(queue)) and time.monotonic() < until:
        time.sleep(TRY_SECONDS)
    try:
        yield
    finally:
        if is_ours:
            fcntl.flock(queue, fcntl.LOCK_UN)


def _try(queue: IO[str]) -> bool:
    try:
        fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_writers: WeakKeyDictionary[Engine, _Writer] = WeakKeyDictionary()
_guard = threading.Lock()


def _writer(engine: Engine) -> _Writer:
    """Return this process's writer; a child process starts its own."""
    writer = _writers.get(engine)
    if writer is None or writer.pid != os.getpid():
        with _guard:
            writer = _writers.get(engine)
            if writer is None or writer.pid != os.getpid():
                writer = _writers[engine] = _Writer(engine)
    return writer
