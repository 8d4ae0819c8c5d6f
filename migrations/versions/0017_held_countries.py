"""Which countries a sender's texts are not taken to

Revision ID: 0017
Revises: 0016
Create Date: 2026-11-27 03:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("sender", sa.Column("country_holds", sa.JSON(), nullable=True))


def downgrade():
    op.drop_column("sender", "country_holds")
