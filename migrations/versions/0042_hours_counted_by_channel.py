"""Count the deliveries of an hour by channel too

Revision ID: 0042
Revises: 0041
Create Date: 2026-11-27 17:30:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

COLUMNS = ("hour", "country", "state", "reason", "error_code", "kind")
KEY = "hour_count_pkey"


def upgrade():
    # Older code counts without it.
    channel = sa.Column("channel", sa.String(10), nullable=False, server_default="")
    with op.batch_alter_table("hour_count") as hour_count:
        hour_count.add_column(channel)
        hour_count.drop_constraint(op.f(KEY), type_="primary")
        hour_count.create_primary_key(op.f(KEY), [*COLUMNS, "channel"])


def downgrade():
    # A worker counts it all again.
    op.execute("DELETE FROM hour_count")
    op.execute("DELETE FROM rolled_hour")
    with op.batch_alter_table("hour_count") as hour_count:
        hour_count.drop_constraint(op.f(KEY), type_="primary")
        hour_count.drop_column("channel")
        hour_count.create_primary_key(op.f(KEY), [*COLUMNS])
