"""Let a number stand twice: for its person, and for what test keys write to it

Revision ID: 0038
Revises: 0037
Create Date: 2026-11-27 16:41:00

Older code knows of the first alone, and meets no row of the other: only a test key, which it cannot
make, writes one.
"""

import sqlalchemy as sa
from alembic import op

from migrations import safely

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

CHECKED = ("delivery", "attempt", "verification", "incident_page")
UNIQUE = {"phone_number": "NOT is_test", "phone_test_number": "is_test"}


def upgrade():
    if on_postgresql():
        with op.get_context().autocommit_block():
            for table in CHECKED:
                op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_channel")
    for name, rows in UNIQUE.items():
        where = sa.text(rows)
        safely.create_index(
            name, "phone", ["e164"], unique=True, postgresql_where=where, sqlite_where=where
        )
    # Not before the others hold: older code may write the same number twice at any moment.
    if on_postgresql():
        op.execute("ALTER TABLE phone DROP CONSTRAINT phone_e164_key")
        return
    with op.batch_alter_table("phone") as phone:
        phone.drop_constraint(op.f("phone_e164_key"), type_="unique")


def downgrade():
    # Nobody is reached by such a row any more, nor found.
    op.execute("UPDATE phone SET e164 = NULL WHERE is_test")
    if on_postgresql():
        op.execute("ALTER TABLE phone ADD CONSTRAINT phone_e164_key UNIQUE (e164)")
    for name in UNIQUE:
        op.drop_index(name, table_name="phone")
    if not on_postgresql():
        with op.batch_alter_table("phone") as phone:
            phone.create_unique_constraint(op.f("phone_e164_key"), ["e164"])


def on_postgresql():
    return op.get_bind().dialect.name == "postgresql"
