"""Retention: what was blanked and forgotten, and what still is to be

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-21 06:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BODY_MAY_GO = sa.text(
    "blanked_at IS NULL AND (state IN ('delivered', 'read', 'undelivered', 'failed',"
    " 'suppressed', 'canceled', 'expired') OR (state = 'sent' AND check_at IS NULL))"
)
BODY_IS_HERE = sa.text("blanked_at IS NULL")
NUMBER_IS_HERE = sa.text("e164 IS NOT NULL")
# A constant: no row is rewritten. Long ago, so that each known number is looked at once.
LONG_AGO = "1970-01-01 00:00:00.000000"


def upgrade():
    op.create_table(
        "body_at_twilio",
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("ask_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("sid", name=op.f("body_at_twilio_pkey")),
    )
    op.create_index("body_at_twilio_ask", "body_at_twilio", ["ask_at"])

    op.add_column("delivery", sa.Column("blanked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("inbound", sa.Column("blanked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("phone", sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "phone",
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=LONG_AGO, nullable=False),
    )

    for name, table, column, rows in (
        ("delivery_body", "delivery", "state_at", BODY_MAY_GO),
        ("inbound_body", "inbound", "received_at", BODY_IS_HERE),
        ("phone_idle", "phone", "used_at", NUMBER_IS_HERE),
    ):
        op.create_index(name, table, [column], postgresql_where=rows, sqlite_where=rows)


def downgrade():
    op.drop_index("phone_idle", "phone")
    op.drop_index("inbound_body", "inbound")
    op.drop_index("delivery_body", "delivery")
    for table, column in (
        ("phone", "used_at"),
        ("phone", "forgotten_at"),
        ("inbound", "blanked_at"),
        ("delivery", "blanked_at"),
    ):
        op.drop_column(table, column)
    op.drop_table("body_at_twilio")
