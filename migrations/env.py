"""Runs migrations on the app's own engine: `flask db upgrade`."""

from alembic import context
from sqlalchemy import text

from smsapp import models
from smsapp.extensions import db

# Any number, the same for all of our processes: whoever holds it migrates, the others wait.
LOCK = 7_266_277


def run() -> None:
    """Migrate in one transaction; processes that start together do it one after the other."""
    with db.engine.connect() as conn:
        if conn.dialect.name == "sqlite":
            # Batch mode rebuilds tables; their references hold again once it is done. Outside a
            # transaction, where alone this takes effect.
            conn.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
        try:
            with conn.begin():
                if conn.dialect.name == "postgresql":
                    conn.execute(text("SET LOCAL statement_timeout = 0"))
                    conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
                context.configure(
                    connection=conn,
                    target_metadata=models.Base.metadata,
                    render_as_batch=True,
                    compare_type=True,
                )
                with context.begin_transaction():
                    context.run_migrations()
        finally:
            if conn.dialect.name == "sqlite":
                conn.connection.driver_connection.execute("PRAGMA foreign_keys=ON")


run()
print("The schema is up to date.")
