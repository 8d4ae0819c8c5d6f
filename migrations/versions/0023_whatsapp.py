"""What WhatsApp needs: when somebody wrote last, on which channel, and what fills a template

Revision ID: 0023
Revises: 0022
Create Date: 2026-11-27 10:45:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("phone", sa.Column("whatsapp_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("delivery", sa.Column("variables", sa.JSON(), nullable=True))
    op.add_column("attempt", sa.Column("template", sa.String(length=34), nullable=True))
    op.add_column(
        "inbound",
        sa.Column("channel", sa.String(length=8), nullable=False, server_default="sms"),
    )


def downgrade():
    op.drop_column("inbound", "channel")
    op.drop_column("attempt", "template")
    op.drop_column("delivery", "variables")
    op.drop_column("phone", "whatsapp_at")
