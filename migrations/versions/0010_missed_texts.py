"""How far Twilio's list of inbound texts has been gone through

Revision ID: 0010
Revises: 0009
Create Date: 2026-11-21 05:58:40.120000
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "inbound_list",
        sa.Column("sender", sa.String(length=40), nullable=False),
        sa.Column("complete_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sender", name=op.f("inbound_list_pkey")),
    )


def downgrade():
    op.drop_table("inbound_list")
