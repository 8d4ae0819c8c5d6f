"""Appointments, and messages that the shop does not want sent

Revision ID: 0018
Revises: 0017
Create Date: 2026-11-27 09:40:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

REASONS = (
    "opted_out",
    "consent_withdrawn",
    "recipient_not_allowed",
    "rejected",
    "attempts_spent",
    "no_consent",
    "superseded",
)
NEW = ("not_wanted", "no_channel")
# SQLite makes the table anew, without the trigger of 0011.
SUBJECT_OF_OLDER_CODE = (
    "CREATE TRIGGER delivery_subject AFTER INSERT ON delivery WHEN NEW.subject IS NULL"
    " BEGIN UPDATE delivery SET subject = NEW.order_id WHERE id = NEW.id; END"
)


def upgrade():
    op.create_table(
        "appointment_event",
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("utc_offset", sa.Integer(), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("place", sa.String(length=80), nullable=True),
        sa.Column("remind_before", sa.JSON(), nullable=True),
        sa.Column("locale", sa.String(length=35), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("appointment_event_delivery_id_fkey")
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("appointment_event_pkey")),
    )
    replace_check((*REASONS, *NEW))


def downgrade():
    op.drop_table("appointment_event")
    op.execute("UPDATE delivery SET reason = NULL WHERE reason IN ('not_wanted', 'no_channel')")
    replace_check(REASONS)


def replace_check(reasons):
    """Replace a CHECK; on PostgreSQL without a look at the rows there are, which would stop all."""
    listed = ", ".join(f"'{reason}'" for reason in reasons)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE delivery DROP CONSTRAINT delivery_reason")
        op.execute(
            "ALTER TABLE delivery ADD CONSTRAINT delivery_reason"
            f" CHECK (reason IN ({listed})) NOT VALID"
        )
        return
    with op.batch_alter_table("delivery") as delivery:
        delivery.drop_constraint(op.f("delivery_reason"), type_="check")
        delivery.create_check_constraint(op.f("delivery_reason"), f"reason IN ({listed})")
    op.execute(SUBJECT_OF_OLDER_CODE)
