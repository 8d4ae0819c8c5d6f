"""Look whether all older rows have a reason that is known

Revision ID: 0016
Revises: 0015
Create Date: 2026-11-27 02:31:00
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade():
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            op.execute("ALTER TABLE delivery VALIDATE CONSTRAINT delivery_reason")


def downgrade():
    """A constraint that was looked at is none the worse for it."""
