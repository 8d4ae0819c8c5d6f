"""Look whether all older rows of the audit trail have an act that is known

Revision ID: 0041
Revises: 0040
Create Date: 2026-11-27 15:41:00
"""

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade():
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            op.execute("ALTER TABLE audit VALIDATE CONSTRAINT audit_act")


def downgrade():
    """A constraint that was looked at is none the worse for it."""
