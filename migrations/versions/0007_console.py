"""The console: operators, their sessions, and what they did

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-21 05:55:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


SQLITE = [
    f"""
    CREATE TRIGGER audit_no_{what.lower()} BEFORE {what} ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
    """
    for what in ("UPDATE", "DELETE")
] + [
    # INSERT OR REPLACE deletes without a DELETE.
    """
    CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
    """
]
POSTGRESQL = [
    """
    CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$
    """,
    """
    CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()
    """,
    """
    CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
    """,
]


def one_of(name, *values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=30)


def upgrade():
    op.create_table(
        "operator",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("role", one_of("role", "support", "operator"), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("operator_pkey")),
        sa.UniqueConstraint("name", name=op.f("operator_name_key")),
    )
    op.create_table(
        "operator_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.id"], name=op.f("operator_session_operator_id_fkey")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("operator_session_pkey")),
    )
    with op.batch_alter_table("operator_session", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("operator_session_operator_id"), ["operator_id"], unique=False
        )

    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column(
            "act",
            one_of("act", "number_shown", "sent_again", "canceled", "opted_out"),
            nullable=False,
        ),
        sa.Column("phone_key", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=True),
        sa.Column("why", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.id"], name=op.f("audit_operator_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["phone_key"], ["phone.phone_key"], name=op.f("audit_phone_key_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("audit_delivery_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_pkey")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("audit_delivery_id"), ["delivery_id"], unique=False)

    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for trigger in SQLITE if on_sqlite else POSTGRESQL:
        op.execute(trigger)


def downgrade():
    op.drop_table("audit")
    with op.batch_alter_table("operator_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("operator_session_operator_id"))

    op.drop_table("operator_session")
    op.drop_table("operator")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_is_append_only()")
