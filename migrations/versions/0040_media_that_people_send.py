"""Pictures and voice notes that people send, and who fetched one

Revision ID: 0040
Revises: 0039
Create Date: 2026-11-27 15:40:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

ACTS = ("number_shown", "sent_again", "canceled", "opted_out", "answered", "on_call")
NEW = "media_fetched"
# SQLite makes the table anew, without the triggers of 0007 that keep the trail.
KEPT = [
    *(
        f"""CREATE TRIGGER audit_no_{what.lower()} BEFORE {what} ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"""
        for what in ("UPDATE", "DELETE")
    ),
    """CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
]


def upgrade():
    op.create_table(
        "inbound_media",
        sa.Column("sid", sa.String(length=34), nullable=False),
        sa.Column("inbound_sid", sa.String(length=34), nullable=False),
        sa.Column("content_type", sa.String(length=80), nullable=False),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("ask_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(
            ["inbound_sid"], ["inbound.sid"], name=op.f("inbound_media_inbound_sid_fkey")
        ),
        sa.PrimaryKeyConstraint("sid", name=op.f("inbound_media_pkey")),
    )
    op.create_index("inbound_media_of", "inbound_media", ["inbound_sid"])
    due = sa.text("ask_at IS NOT NULL")
    op.create_index(
        "inbound_media_ask", "inbound_media", ["ask_at"], sqlite_where=due, postgresql_where=due
    )
    op.add_column("body_at_twilio", sa.Column("of_message", sa.String(length=34), nullable=True))
    replace_check((*ACTS, NEW))


def downgrade():
    """Nothing is taken out of the trail: who fetched what stays there."""
    op.drop_column("body_at_twilio", "of_message")
    op.drop_table("inbound_media")


def replace_check(acts):
    listed = ", ".join(f"'{act}'" for act in acts)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE audit DROP CONSTRAINT audit_act")
        op.execute(
            f"ALTER TABLE audit ADD CONSTRAINT audit_act CHECK (act IN ({listed})) NOT VALID"
        )
        return
    with op.batch_alter_table("audit") as audit:
        audit.drop_constraint(op.f("audit_act"), type_="check")
        audit.create_check_constraint(op.f("audit_act"), f"act IN ({listed})")
    for trigger in KEPT:
        op.execute(trigger)
