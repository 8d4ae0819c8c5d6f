"""The sandbox's own SQLite file."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue

# Times are seconds since 1970, UTC. `seq` gives the order; a SID says nothing about it.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS conversation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL UNIQUE,
    last_seq INTEGER NOT NULL,
    texts INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS conversation_newest ON conversation (last_seq);
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    sid TEXT NOT NULL UNIQUE,
    direction TEXT NOT NULL,
    customer TEXT NOT NULL,
    to_number TEXT NOT NULL,
    from_number TEXT,
    service_sid TEXT,
    body TEXT NOT NULL,
    segments INTEGER NOT NULL,
    status TEXT NOT NULL,
    error_code INTEGER,
    price TEXT,
    callback_url TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    sent_at REAL
);
CREATE INDEX IF NOT EXISTS message_customer ON message (customer, seq);
CREATE INDEX IF NOT EXISTS message_to ON message (to_number, seq);
CREATE TABLE IF NOT EXISTS history (  -- every status a message has had
    sid TEXT NOT NULL,
    status TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS history_sid ON history (sid);
CREATE TABLE IF NOT EXISTS step (     -- every status it is still going to have
    id INTEGER PRIMARY KEY,
    sid TEXT NOT NULL,
    status TEXT NOT NULL,
    error_code INTEGER,
    due_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS step_due ON step (due_at);
CREATE INDEX IF NOT EXISTS step_sid ON step (sid);
CREATE TABLE IF NOT EXISTS receipt (  -- callbacks: to be posted, being posted, done
    -- Never used again: the verdict on a receipt that was cleared must not hit a new one.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sid TEXT NOT NULL,
    status TEXT NOT NULL,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    token TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('due', 'posting', 'done')),
    due_at REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    first_try_at REAL,
    answer TEXT
);
CREATE INDEX IF NOT EXISTS receipt_due ON receipt (due_at) WHERE state = 'due';
CREATE INDEX IF NOT EXISTS receipt_posting ON receipt (id) WHERE state = 'posting';
CREATE INDEX IF NOT EXISTS receipt_sid ON receipt (sid);
CREATE TABLE IF NOT EXISTS opt_out (  -- outlives the texts: Twilio does not forget a STOP
    customer TEXT NOT NULL,
    sender TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (customer, sender)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verification (
    id INTEGER PRIMARY KEY,
    sid TEXT NOT NULL UNIQUE,
    service_sid TEXT NOT NULL,
    to_number TEXT NOT NULL,
    channel TEXT NOT NULL,
    code TEXT NOT NULL,
    status TEXT NOT NULL,
    checks INTEGER NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    expires_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS verification_to ON verification (to_number, id);
CREATE TABLE IF NOT EXISTS send_code_attempt (
    id INTEGER PRIMARY KEY,
    sid TEXT NOT NULL,
    verification_sid TEXT NOT NULL,
    channel TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS send_code_attempt_of ON send_code_attempt (verification_sid);
CREATE TABLE IF NOT EXISTS weather (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class Database:
    """One writer at a time, as many readers as ask."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._writer = self._connect()
        # A lock of ours is fair and quick; SQLite's own waiting is a sleep of ever longer naps.
        self._writing = threading.Lock()
        self._readers: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._writer.executescript(f"BEGIN;{_SCHEMA}COMMIT;")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=30, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may lose the last texts on a desk; it never breaks the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Give the one writing connection; commit at the end, or undo on an error."""
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a reading connection; it never waits for the writer."""
        try:
            connection = self._readers.get_nowait()
        except Empty:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._readers.put(connection)

    def close(self) -> None:
        """Close what is not lent out."""
        with self._writing:
            self._writer.close()
        while not self._readers.empty():
            self._readers.get_nowait().close()
