"""What services keep with a delivery, who of them canceled it; and what is counted of each kind

Revision ID: 0020
Revises: 0019
Create Date: 2026-11-27 09:40:00

Older code counts without a kind, which is then "". An hour is counted again within a day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

COLUMNS = ("hour", "country", "state", "reason", "error_code")
KEY = "hour_count_pkey"


def upgrade():
    op.add_column("delivery", sa.Column("metadata", sa.JSON(), nullable=True))
    op.add_column("delivery", sa.Column("canceled_by", sa.String(80), nullable=True))
    kind = sa.Column("kind", sa.String(40), nullable=False, server_default="")
    with op.batch_alter_table("hour_count") as hour_count:
        hour_count.add_column(kind)
        hour_count.drop_constraint(op.f(KEY), type_="primary")
        hour_count.create_primary_key(op.f(KEY), [*COLUMNS, "kind"])


def downgrade():
    # A worker counts it all again.
    op.execute("DELETE FROM hour_count")
    op.execute("DELETE FROM rolled_hour")
    with op.batch_alter_table("hour_count") as hour_count:
        hour_count.drop_constraint(op.f(KEY), type_="primary")
        hour_count.drop_column("kind")
        hour_count.create_primary_key(op.f(KEY), [*COLUMNS])
    op.drop_column("delivery", "canceled_by")
    op.drop_column("delivery", "metadata")
