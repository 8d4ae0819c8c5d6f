"""Find the deliveries that alarms and the overview ask about

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-21 07:10:00.000000
"""

import sqlalchemy as sa
from alembic import op

from migrations import safely

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INDEXES = (
    ("delivery_unknown", "state = 'unknown'"),
    ("delivery_failed", "state IN ('failed', 'undelivered')"),
)


def upgrade():
    for name, which in INDEXES:
        rows = sa.text(which)
        safely.create_index(
            name, "delivery", ["state_at"], postgresql_where=rows, sqlite_where=rows
        )


def downgrade():
    for name, _ in reversed(INDEXES):
        op.drop_index(name, table_name="delivery")
