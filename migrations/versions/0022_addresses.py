"""E-mail addresses beside numbers, for those whom a text cannot reach

Revision ID: 0022
Revises: 0021
Create Date: 2026-11-27 10:45:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

COLUMNS = ("email", "email_at", "email_is_own", "email_to_confirm")


def upgrade():
    op.add_column("phone", sa.Column("email", sa.String(length=254), nullable=True))
    op.add_column("phone", sa.Column("email_at", sa.DateTime(timezone=True), nullable=True))
    is_own = sa.Column("email_is_own", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("phone", is_own)
    op.add_column("phone", sa.Column("email_to_confirm", sa.String(length=254), nullable=True))


def downgrade():
    for name in reversed(COLUMNS):
        op.drop_column("phone", name)
