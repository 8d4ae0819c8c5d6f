"""Runs migrations on the app's own engine: `flask db upgrade`.

How to write one: docs/operations.md. Processes that start together migrate one after the other.
"""

import sys
import time

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from migrations.safely import LOCK_TIMEOUT_SECONDS
from smsapp import models
from smsapp.extensions import db
from smsapp.sqlite import LOCK_SECONDS_OPTION

# Any number, the same for all of our processes: whoever holds it migrates, the others wait.
LOCK = 7_266_277
POLL_SECONDS = 0.2

LOCK_NOT_AVAILABLE = "55P03"

# On SQLite others may migrate, which may rebuild a large table.
SQLITE_LOCK_SECONDS = 600.0


def run() -> None:
    """Migrate, on a connection that nobody uses afterwards: its settings and lock go with it."""
    with db.engine.connect() as conn:
        try:
            if conn.dialect.name == "postgresql":
                on_postgresql(conn)
            else:
                on_sqlite(conn)
        finally:
            conn.invalidate()


def on_postgresql(conn: Connection) -> None:
    """Migrate, each migration in a transaction, alone among our processes."""
    conn.execute(text("SET statement_timeout = 0"))
    # Not one statement that waits: its snapshot would hold up a CREATE INDEX CONCURRENTLY, and
    # that it. The lock is the session's, so that it outlasts the migrations' transactions.
    while not conn.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}).scalar():
        conn.commit()
        time.sleep(POLL_SECONDS)
    conn.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"))
    conn.commit()
    context.configure(**options(conn), transaction_per_migration=True)
    try:
        with context.begin_transaction():
            context.run_migrations()
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        sys.exit(
            f"A table was in use for {LOCK_TIMEOUT_SECONDS} seconds, by a long transaction or by "
            "vacuum. The migration that needed it is not done; run flask db upgrade again."
        )


def on_sqlite(conn: Connection) -> None:
    """Migrate in one transaction, which has the write lock from its beginning."""
    # Batch mode rebuilds tables; outside a transaction, where alone this takes effect.
    conn.connection.dbapi_connection.execute("PRAGMA foreign_keys=OFF")
    conn.execution_options(**{LOCK_SECONDS_OPTION: SQLITE_LOCK_SECONDS})
    with conn.begin():
        context.configure(**options(conn))
        with context.begin_transaction():
            context.run_migrations()


def options(conn: Connection) -> dict[str, object]:
    """Return what both have in common."""
    return {
        "connection": conn,
        "target_metadata": models.Base.metadata,
        "render_as_batch": True,
        "compare_type": True,
    }


run()
print("The schema is up to date.")
