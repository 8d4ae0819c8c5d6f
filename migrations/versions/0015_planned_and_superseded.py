"""Deliveries that wait for morning by a clock of their own, or are superseded by a later event

Revision ID: 0015
Revises: 0014
Create Date: 2026-11-27 02:30:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

REASONS = (
    "opted_out",
    "consent_withdrawn",
    "recipient_not_allowed",
    "rejected",
    "attempts_spent",
    "no_consent",
)
SUPERSEDED = "superseded"
# SQLite makes the table anew, without the trigger of 0011.
SUBJECT_OF_OLDER_CODE = (
    "CREATE TRIGGER delivery_subject AFTER INSERT ON delivery WHEN NEW.subject IS NULL"
    " BEGIN UPDATE delivery SET subject = NEW.order_id WHERE id = NEW.id; END"
)


def upgrade():
    if op.get_bind().dialect.name == "postgresql":
        for column in columns():
            op.add_column("delivery", column)
        replace_check((*REASONS, SUPERSEDED))
        return
    with op.batch_alter_table("delivery") as delivery:
        for column in columns():
            delivery.add_column(column)
        delivery.drop_constraint(op.f("delivery_reason"), type_="check")
        delivery.create_check_constraint(op.f("delivery_reason"), among((*REASONS, SUPERSEDED)))
    op.execute(SUBJECT_OF_OLDER_CODE)


def downgrade():
    op.execute("UPDATE delivery SET reason = NULL WHERE reason = 'superseded'")
    if op.get_bind().dialect.name == "postgresql":
        replace_check(REASONS)
        for column in columns():
            op.drop_column("delivery", column.name)
        return
    with op.batch_alter_table("delivery") as delivery:
        delivery.drop_constraint(op.f("delivery_reason"), type_="check")
        delivery.create_check_constraint(op.f("delivery_reason"), among(REASONS))
        for column in columns():
            delivery.drop_column(column.name)
    op.execute(SUBJECT_OF_OLDER_CODE)


def columns():
    return (
        sa.Column("waits_for_morning", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
    )


def among(reasons):
    listed = ", ".join(f"'{reason}'" for reason in reasons)
    return f"reason IN ({listed})"


def replace_check(reasons):
    """Replace a CHECK without a look at the rows there are, which would stop the traffic."""
    op.execute("ALTER TABLE delivery DROP CONSTRAINT delivery_reason")
    op.execute(
        f"ALTER TABLE delivery ADD CONSTRAINT delivery_reason CHECK ({among(reasons)}) NOT VALID"
    )
