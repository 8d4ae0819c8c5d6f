"""Receipts that were ignored, and why

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-21 06:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "ignored_receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column(
            "why",
            sa.Enum(
                "repeated",
                "other_message",
                "other_account",
                name="ignored",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("sid", sa.String(length=34), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("error_code", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempt.id"], name=op.f("ignored_receipt_attempt_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("ignored_receipt_pkey")),
    )
    with op.batch_alter_table("ignored_receipt", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ignored_receipt_attempt_id"), ["attempt_id"], unique=False
        )


def downgrade():
    op.drop_table("ignored_receipt")
