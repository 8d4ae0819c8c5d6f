"""Phone calls, and the voicemails that were left in them

Revision ID: 0032
Revises: 0025
Create Date: 2026-11-27 15:50:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "call",
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("phone_key", sa.String(length=64), nullable=False),
        sa.Column(
            "direction",
            sa.Enum(
                "inbound",
                "outbound",
                name="calldirection",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False, server_default=sa.text("-1")),
        sa.Column("answered_by", sa.String(length=30), nullable=True),
        sa.Column("keys", sa.String(length=200), nullable=False, server_default=""),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("sid", name="call_pkey"),
        sa.ForeignKeyConstraint(["phone_key"], ["phone.phone_key"], name="call_phone_key_fkey"),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name="call_attempt_id_fkey"),
    )
    op.create_index("call_phone", "call", ["phone_key", "began_at"])
    op.create_index("call_attempt_id", "call", ["attempt_id"])
    op.create_table(
        "voicemail",
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("call_sid", sa.String(length=34), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column(
            "transcript",
            sa.Enum(
                "awaited",
                "written",
                "missing",
                name="transcriptstate",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("transcript_by", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sid", name="voicemail_pkey"),
        sa.ForeignKeyConstraint(["sid"], ["inbound.sid"], name="voicemail_sid_fkey"),
    )
    op.create_index("voicemail_call_sid", "voicemail", ["call_sid"])


def downgrade():
    op.drop_table("voicemail")
    op.drop_table("call")
