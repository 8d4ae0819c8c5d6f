"""Whose a code is: which session asked, and from which network

Revision ID: 0016
Revises: 0012
Create Date: 2026-11-27 02:10:00

Older code leaves the new columns alone; its codes are anybody's for the ten minutes that they are
good. It may be run again where it broke off.
"""

import sqlalchemy as sa
from alembic import op

from migrations import safely

revision = "0016"
down_revision = "0012"
branch_labels = None
depends_on = None

OF_PAGES = sa.text("network IS NOT NULL")


def upgrade():
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE verification"
            " ADD COLUMN IF NOT EXISTS network VARCHAR(32),"
            " ADD COLUMN IF NOT EXISTS session VARCHAR(32),"
            " ADD COLUMN IF NOT EXISTS session_checks INTEGER NOT NULL DEFAULT 0"
        )
    else:
        op.add_column("verification", sa.Column("network", sa.String(32), nullable=True))
        op.add_column("verification", sa.Column("session", sa.String(32), nullable=True))
        op.add_column(
            "verification",
            sa.Column("session_checks", sa.Integer(), nullable=False, server_default="0"),
        )
    safely.create_index("verification_started", "verification", ["started_at"])
    safely.create_index(
        "verification_network",
        "verification",
        ["started_at"],
        postgresql_where=OF_PAGES,
        sqlite_where=OF_PAGES,
    )


def downgrade():
    for name in ("verification_network", "verification_started"):
        op.drop_index(name, table_name="verification")
    for name in ("session_checks", "session", "network"):
        op.drop_column("verification", name)
