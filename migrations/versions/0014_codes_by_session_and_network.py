"""Whose a code is: which session asked, and from which network; and alarms of what codes cost

Revision ID: 0014
Revises: 0013
Create Date: 2026-11-27 02:10:00

Older code leaves the new columns alone; its codes are anybody's for the ten minutes that they are
good. It may be run again where it broke off.
"""

import sqlalchemy as sa
from alembic import op

from migrations import safely

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OF_PAGES = sa.text("network IS NOT NULL")


KINDS = (
    "country_rate",
    "sender_rate",
    "outbox_old",
    "unknown_old",
    "sender_held",
    "receipts_silent",
    "signatures_refused",
    "look_ups_doubtful",
    "no_worker",
)


def upgrade():
    set_kinds((*KINDS, "codes_half_spent", "codes_spent"))
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
    op.execute("DELETE FROM alarm WHERE kind IN ('codes_half_spent', 'codes_spent')")
    set_kinds(KINDS)


def set_kinds(kinds):
    """Say which kinds of alarm there are; of the table's few rows each is looked at."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE alarm DROP CONSTRAINT IF EXISTS alarm_alarmkind")
        op.execute(f"ALTER TABLE alarm ADD CONSTRAINT alarm_alarmkind CHECK (kind IN {kinds})")
        return
    with op.batch_alter_table("alarm") as alarm:
        alarm.drop_constraint(op.f("alarm_alarmkind"), type_="check")
        alarm.create_check_constraint(op.f("alarm_alarmkind"), f"kind IN {kinds}")
