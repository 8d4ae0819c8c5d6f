"""Answers that operators write

Revision ID: 0024
Revises: 0023
Create Date: 2026-11-27 11:20:00
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

ACTS = ("number_shown", "sent_again", "canceled", "opted_out")
NEW = "answered"
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
    replace_check((*ACTS, NEW))


def downgrade():
    """Nothing is taken out of the trail: what was answered stays there."""


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
