"""Copy an installation from SQLite into an empty PostgreSQL database.

    python deploy/to_postgresql.py sqlite:////var/lib/smsapp/smsapp.sqlite3 postgresql://…

Stop everything first; `flask db upgrade` both. SQLite stays as it was, and is locked meanwhile.
All or nothing: the copy is one transaction, and the rows are counted before it is committed.
"""

import itertools
import sys

from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    Table,
    create_engine,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.engine import make_url

from smsapp import models

BATCH = 5_000
TABLES = models.Base.metadata.sorted_tables
# Numbers that PostgreSQL counts up by itself.
COUNTED = ("api_key", "opt_out", "webhook")


def copy(source: Engine, target: Engine) -> dict[str, int]:
    """Copy all rows; return how many of each table.

    Raises:
        SystemExit: The schemas differ, or the target holds something; nothing is copied.
    """
    counts = {}
    # Our own set-up of SQLite (smsapp.extensions) takes the write lock with the transaction.
    with source.begin() as old, target.begin() as new:
        if _revision(old) != _revision(new):
            sys.exit("The two schemas differ: run flask db upgrade on both.")
        new.execute(text("SET LOCAL statement_timeout = 0"))
        new.execute(text(f"LOCK {', '.join(table.name for table in TABLES)}"))
        if any(_count(new, table) for table in TABLES):
            sys.exit("The target is not empty.")
        _let_triggers(new, "DISABLE")  # what happened long ago is not told to callers again
        for table in TABLES:
            rows = old.execute(select(table)).yield_per(BATCH).mappings()
            while batch := [dict(row) for row in itertools.islice(rows, BATCH)]:
                new.execute(insert(table), batch)
            counts[table.name] = _count(new, table)
            if counts[table.name] != _count(old, table):
                sys.exit(f"Rows of {table.name} are missing. Nothing was copied.")
        _let_triggers(new, "ENABLE")
        for name in COUNTED:
            new.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) "  # noqa: S608
                    f"FROM {name} HAVING max(id) IS NOT NULL"
                )
            )
    return counts


def _let_triggers(conn: Connection, what: str) -> None:
    for table in TABLES:
        conn.execute(text(f"ALTER TABLE {table.name} {what} TRIGGER USER"))


def _revision(conn: Connection) -> set[str]:
    versions = Table("alembic_version", MetaData(), autoload_with=conn)
    return set(conn.execute(select(versions)).scalars())


def _count(conn: Connection, table: Table) -> int:
    return conn.scalar(select(func.count()).select_from(table)) or 0


def main() -> None:
    """Copy from the first URL to the second."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = (make_url(url) for url in sys.argv[1:])
    target = target.set(drivername="postgresql+psycopg")
    options = {"options": "-c timezone=UTC"}
    copied = copy(create_engine(source), create_engine(target, connect_args=options))
    for table, count in copied.items():
        print(f"{table:20} {count:12,}")
    print("Copied. Now set DATABASE_URL, and check: flask consent verify")


if __name__ == "__main__":
    main()
