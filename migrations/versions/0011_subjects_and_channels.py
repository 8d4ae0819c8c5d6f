"""What an event is about, whatever its kind; and over which channel a message goes

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-26 21:58:00

`subject` takes the place of `order_id`, which older code still reads and writes: rows of older
code get their subject by a trigger, and newer code writes both. Once no older code runs, a later
release takes trigger and `order_id` away.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CHANNELS = ("sms", "whatsapp", "call", "email")
CODE_CHANNELS = ("sms", "call")
REASONS = (
    "opted_out",
    "consent_withdrawn",
    "recipient_not_allowed",
    "rejected",
    "attempts_spent",
)
NO_CONSENT = "no_consent"


def upgrade():
    if on_postgresql():
        op.add_column("delivery", sa.Column("subject", sa.String(length=80), nullable=True))
        op.alter_column("delivery", "consent_at", nullable=True)
        for table in ("delivery", "attempt"):
            op.add_column(table, channel())
            add_check(table, f"{table}_channel", "channel", CHANNELS)
        op.execute("ALTER TABLE delivery DROP CONSTRAINT delivery_reason")
        add_check("delivery", "delivery_reason", "reason", (*REASONS, NO_CONSENT))
        op.execute("ALTER TABLE verification DROP CONSTRAINT verification_channel")
        add_check("verification", "verification_channel", "channel", CHANNELS)
        op.execute(
            "CREATE FUNCTION delivery_subject_of_order() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.subject := NEW.order_id; RETURN NEW; END $$"
        )
        op.execute(
            "CREATE TRIGGER delivery_subject BEFORE INSERT ON delivery FOR EACH ROW"
            " WHEN (NEW.subject IS NULL) EXECUTE FUNCTION delivery_subject_of_order()"
        )
        return
    with op.batch_alter_table("delivery") as delivery:
        delivery.add_column(sa.Column("subject", sa.String(length=80), nullable=True))
        delivery.alter_column("consent_at", existing_type=sa.DateTime(timezone=True), nullable=True)
        delivery.add_column(channel())
        delivery.create_check_constraint(op.f("delivery_channel"), among("channel", CHANNELS))
        delivery.drop_constraint(op.f("delivery_reason"), type_="check")
        reasons = among("reason", (*REASONS, NO_CONSENT))
        delivery.create_check_constraint(op.f("delivery_reason"), reasons)
    with op.batch_alter_table("attempt") as attempt:
        attempt.add_column(channel())
        attempt.create_check_constraint(op.f("attempt_channel"), among("channel", CHANNELS))
    with op.batch_alter_table("verification") as verification:
        verification.drop_constraint(op.f("verification_channel"), type_="check")
        rule = among("channel", CHANNELS)
        verification.create_check_constraint(op.f("verification_channel"), rule)
    op.execute(
        "CREATE TRIGGER delivery_subject AFTER INSERT ON delivery WHEN NEW.subject IS NULL"
        " BEGIN UPDATE delivery SET subject = NEW.order_id WHERE id = NEW.id; END"
    )


def downgrade():
    # What older code cannot have: no consent of its own, and its reason.
    op.execute("UPDATE delivery SET consent_at = created_at WHERE consent_at IS NULL")
    op.execute("UPDATE delivery SET reason = 'consent_withdrawn' WHERE reason = 'no_consent'")
    op.execute("DROP TRIGGER delivery_subject" + (" ON delivery" if on_postgresql() else ""))
    if on_postgresql():
        op.execute("DROP FUNCTION delivery_subject_of_order()")
        op.execute("ALTER TABLE delivery DROP CONSTRAINT delivery_reason")
        add_check("delivery", "delivery_reason", "reason", REASONS)
        op.alter_column("delivery", "consent_at", nullable=False)
        op.drop_column("delivery", "subject")
        op.execute("ALTER TABLE verification DROP CONSTRAINT verification_channel")
        add_check("verification", "verification_channel", "channel", CODE_CHANNELS)
        for table in ("delivery", "attempt"):
            op.drop_column(table, "channel")
        return
    with op.batch_alter_table("verification") as verification:
        verification.drop_constraint(op.f("verification_channel"), type_="check")
        rule = among("channel", CODE_CHANNELS)
        verification.create_check_constraint(op.f("verification_channel"), rule)
    with op.batch_alter_table("attempt") as attempt:
        attempt.drop_constraint(op.f("attempt_channel"), type_="check")
        attempt.drop_column("channel")
    with op.batch_alter_table("delivery") as delivery:
        delivery.drop_constraint(op.f("delivery_reason"), type_="check")
        delivery.create_check_constraint(op.f("delivery_reason"), among("reason", REASONS))
        delivery.drop_constraint(op.f("delivery_channel"), type_="check")
        delivery.drop_column("channel")
        delivery.alter_column(
            "consent_at", existing_type=sa.DateTime(timezone=True), nullable=False
        )
        delivery.drop_column("subject")


def on_postgresql():
    return op.get_bind().dialect.name == "postgresql"


def channel():
    return sa.Column("channel", sa.String(length=30), nullable=False, server_default="sms")


def among(column, values):
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"


def add_check(table, name, column, values):
    """Add a CHECK without a look at the rows there are, which would stop the traffic."""
    rule = among(column, values)
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule}) NOT VALID")
