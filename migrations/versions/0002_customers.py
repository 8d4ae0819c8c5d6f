"""Customers: verification, the consent ledger, inbound texts

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-21 03:36:10.891984
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


SQLITE = [
    f"""
    CREATE TRIGGER consent_no_{what.lower()} BEFORE {what} ON consent
    BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only'); END
    """
    for what in ("UPDATE", "DELETE")
] + [
    # INSERT OR REPLACE deletes without a DELETE.
    """
    CREATE TRIGGER consent_no_replace BEFORE INSERT ON consent
    WHEN EXISTS (SELECT 1 FROM consent WHERE phone_key = NEW.phone_key AND seq = NEW.seq)
    BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only'); END
    """
]
POSTGRESQL = [
    """
    CREATE FUNCTION consent_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the consent ledger is append-only'; END $$
    """,
    """
    CREATE TRIGGER consent_append_only BEFORE UPDATE OR DELETE ON consent
    FOR EACH ROW EXECUTE FUNCTION consent_is_append_only()
    """,
    """
    CREATE TRIGGER consent_no_truncate BEFORE TRUNCATE ON consent
    FOR EACH STATEMENT EXECUTE FUNCTION consent_is_append_only()
    """,
]


def upgrade():
    op.create_table(
        "wording",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("wording_pkey")),
    )
    op.create_table(
        "consent",
        sa.Column("phone_key", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column(
            "action",
            sa.Enum(
                "granted",
                "withdrawn",
                name="consentaction",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column(
            "source",
            sa.Enum(
                "page",
                "api",
                "text",
                "operator",
                name="consentsource",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("wording_version", sa.String(length=20), nullable=False),
        sa.Column("wording_hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verify_sid", sa.String(length=34), nullable=True),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.CheckConstraint("seq >= 1", name=op.f("consent_seq")),
        sa.ForeignKeyConstraint(
            ["phone_key"], ["phone.phone_key"], name=op.f("consent_phone_key_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["wording_hash"], ["wording.hash"], name=op.f("consent_wording_hash_fkey")
        ),
        sa.PrimaryKeyConstraint("phone_key", "seq", name=op.f("consent_pkey")),
    )
    op.create_table(
        "inbound",
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("phone_key", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("keyword", sa.String(length=10), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["phone_key"], ["phone.phone_key"], name=op.f("inbound_phone_key_fkey")
        ),
        sa.PrimaryKeyConstraint("sid", name=op.f("inbound_pkey")),
    )
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.create_index("inbound_phone", ["phone_key", "received_at"], unique=False)

    op.create_table(
        "verification",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone_key", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=8), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "sms", "call", name="channel", native_enum=False, create_constraint=True, length=30
            ),
            nullable=False,
        ),
        sa.Column("verify_sid", sa.String(length=34), nullable=True),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["phone_key"], ["phone.phone_key"], name=op.f("verification_phone_key_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("verification_pkey")),
    )
    with op.batch_alter_table("verification", schema=None) as batch_op:
        batch_op.create_index("verification_phone", ["phone_key", "started_at"], unique=False)
        batch_op.create_index("verification_prefix", ["prefix", "started_at"], unique=False)
        batch_op.create_index("verification_sid", ["verify_sid"], unique=False)

    op.create_table(
        "consent_evidence",
        sa.Column("phone_key", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=400), nullable=True),
        sa.ForeignKeyConstraint(
            ["phone_key", "seq"],
            ["consent.phone_key", "consent.seq"],
            name=op.f("consent_evidence_phone_key_seq_fkey"),
        ),
        sa.PrimaryKeyConstraint("phone_key", "seq", name=op.f("consent_evidence_pkey")),
    )
    with op.batch_alter_table("phone", schema=None) as batch_op:
        batch_op.add_column(sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("sessions_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("consents", sa.Integer(), server_default="0", nullable=False))

    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for trigger in SQLITE if on_sqlite else POSTGRESQL:
        op.execute(trigger)


def downgrade():
    with op.batch_alter_table("phone", schema=None) as batch_op:
        batch_op.drop_column("consents")
        batch_op.drop_column("sessions_since")
        batch_op.drop_column("erased_at")
        batch_op.drop_column("verified_at")

    op.drop_table("consent_evidence")
    with op.batch_alter_table("verification", schema=None) as batch_op:
        batch_op.drop_index("verification_sid")
        batch_op.drop_index("verification_prefix")
        batch_op.drop_index("verification_phone")

    op.drop_table("verification")
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.drop_index("inbound_phone")

    op.drop_table("inbound")
    op.drop_table("consent")
    op.drop_table("wording")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION consent_is_append_only()")
