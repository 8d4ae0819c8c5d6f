"""The sandbox's own SQLite file."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import DeclarativeBase, Session


class Base(DeclarativeBase):
    """What every table is made of. Times are seconds since 1970, UTC."""


class Database:
    """One writer at a time, as many readers as ask."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(
            f"sqlite:///{path}", max_overflow=-1, connect_args={"timeout": 30}
        )
        event.listen(self._engine, "connect", _prepare)
        # A lock of ours is fair and quick; SQLite's own waiting is a sleep of ever longer naps.
        self._writing = threading.Lock()
        with self._engine.begin() as connection:
            Base.metadata.create_all(connection)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give the one writing session; commit at the end, or undo on an error."""
        with self._writing, Session(self._engine, expire_on_commit=False) as db, db.begin():
            yield db

    def read(self) -> Session:
        """Return a reading session; it never waits for the writer."""
        return Session(self._engine)

    def close(self) -> None:
        """Close what is not lent out."""
        with self._writing:
            self._engine.dispose()


def _prepare(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # A power cut may lose the last texts on a desk; it never breaks the file.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()
