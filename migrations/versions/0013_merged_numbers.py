"""Numbers that are another one, spelled otherwise

Revision ID: 0013
Revises: 0012
Create Date: 2026-11-27 02:40:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("phone", sa.Column("merged_into", sa.String(length=64), nullable=True))
    if op.get_bind().execute(sa.text("SELECT 1 FROM phone LIMIT 1")).scalar():
        print("Once the last process of the older version has ended: flask numbers merge --dry-run")


def downgrade():
    op.drop_column("phone", "merged_into")
