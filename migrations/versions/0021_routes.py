"""Which channels are still to be tried for a delivery, and in which language it speaks

Revision ID: 0021
Revises: 0020
Create Date: 2026-11-27 10:30:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("delivery", sa.Column("route", sa.String(length=40), nullable=True))
    op.add_column("delivery", sa.Column("locale", sa.String(length=100), nullable=True))


def downgrade():
    op.drop_column("delivery", "locale")
    op.drop_column("delivery", "route")
