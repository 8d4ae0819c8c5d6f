"""Watching: alarms, tallies, chores, the roll-up, and what the overview asks of deliveries

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-21 06:05:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

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
# Name, columns, uniqueness, and which rows.
ALARM_INDEXES = (
    ("alarm_open", ["kind", "subject"], True, "cleared_at IS NULL"),
    ("alarm_to_tell", ["tell_at"], False, "tell_at IS NOT NULL"),
)


def upgrade():
    op.create_table(
        "alarm",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(*KINDS, name="alarmkind", native_enum=False, create_constraint=True, length=30),
            nullable=False,
        ),
        sa.Column("subject", sa.String(length=60), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tell_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tell_tries", sa.Integer(), nullable=False),
        sa.Column("raise_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clear_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "cleared_at IS NULL OR cleared_at >= raised_at", name=op.f("alarm_clears_later")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("alarm_pkey")),
    )
    op.create_table(
        "tally",
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=30), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "what", name=op.f("tally_pkey")),
    )
    op.create_table(
        "chore",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("chore_pkey")),
    )
    op.create_table(
        "rolled_hour",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hour", name=op.f("rolled_hour_pkey")),
    )
    op.create_table(
        "hour_count",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("country", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("error_code", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "hour", "country", "state", "reason", "error_code", name=op.f("hour_count_pkey")
        ),
    )
    for name, columns, unique, which in ALARM_INDEXES:
        build(name, "alarm", columns, which, unique=unique)


def build(name, table, columns, which, *, unique=False):
    """Build an index of some of the rows."""
    rows = sa.text(which)
    op.create_index(name, table, columns, unique=unique, postgresql_where=rows, sqlite_where=rows)


def downgrade():
    for table in ("hour_count", "rolled_hour", "chore", "tally", "alarm"):
        op.drop_table(table)
