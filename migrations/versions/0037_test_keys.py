"""Test keys: what they send is of a channel and of numbers of its own

Revision ID: 0037
Revises: 0036
Create Date: 2026-11-27 16:40:00
"""

from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

TABLES = ("delivery", "attempt", "verification", "incident_page")
CHANNELS = ("sms", "whatsapp", "call", "email")


def upgrade():
    for table in ("api_key", "phone"):
        is_test = sa.Column("is_test", sa.Boolean(), nullable=False, server_default=sa.false())
        op.add_column(table, is_test)
    replace_checks((*CHANNELS, "test"))


def downgrade():
    # Older code would send what waits, as texts: it is canceled, and so counts nowhere either.
    op.execute(
        "UPDATE delivery SET channel = 'sms', state = 'canceled', reason = NULL, due_at = NULL,"
        " lease_token = NULL, lease_until = NULL, check_at = NULL WHERE channel = 'test'"
    )
    op.execute("UPDATE attempt SET channel = 'sms' WHERE channel = 'test'")
    op.execute("UPDATE api_key SET revoked_at = created_at WHERE is_test AND revoked_at IS NULL")
    for table in ("phone", "api_key"):
        op.drop_column(table, "is_test")
    replace_checks(CHANNELS)


def on_postgresql():
    return op.get_bind().dialect.name == "postgresql"


def replace_checks(channels):
    """Replace the CHECKs; on PostgreSQL without a look at the rows there are."""
    listed = ", ".join(f"'{channel}'" for channel in channels)
    rule = f"channel IN ({listed})"
    for table in TABLES:
        name = f"{table}_channel"
        if on_postgresql():
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule}) NOT VALID")
            continue
        with made_anew(table) as batch:
            batch.drop_constraint(op.f(name), type_="check")
            batch.create_check_constraint(op.f(name), rule)


@contextmanager
def made_anew(table):
    """Change a table on SQLite, which makes it anew, and its triggers after it."""
    of_table = sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name")
    triggers = op.get_bind().execute(of_table, {"name": table}).scalars().all()
    with op.batch_alter_table(table) as batch:
        yield batch
    for trigger in triggers:
        op.get_bind().exec_driver_sql(trigger)
