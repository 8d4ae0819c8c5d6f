"""The throttle, pausing, and what a restore from a backup leaves open

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-21 06:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIMES = (
    "next_slot_at",
    "slowed_at",
    "paused_at",
    "restored_at",
    "lost_since",
    "look_first_until",
)
CHECKS = {
    "slowed_to_a_rate": "(slowed_at IS NULL) = (slowed_to IS NULL)",
    "pause_reason": "pause_reason IS NULL OR paused_at IS NOT NULL",
    "restored_whole": "(restored_at IS NULL) = (lost_since IS NULL)"
    " AND (restored_at IS NULL) = (look_first_until IS NULL)",
}


def upgrade():
    with op.batch_alter_table("sender") as sender:
        for name in TIMES:
            sender.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True))
        sender.add_column(sa.Column("slowed_to", sa.Double(), nullable=True))
        sender.add_column(sa.Column("pause_reason", sa.String(length=200), nullable=True))
        for name, rule in CHECKS.items():
            sender.create_check_constraint(op.f(f"sender_{name}"), rule)


def downgrade():
    with op.batch_alter_table("sender") as sender:
        for name in CHECKS:
            sender.drop_constraint(op.f(f"sender_{name}"), type_="check")
        for name in (*TIMES, "slowed_to", "pause_reason"):
            sender.drop_column(name)
