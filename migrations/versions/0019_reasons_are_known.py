"""Look whether all older rows still have a reason that is known

Revision ID: 0019
Revises: 0018
Create Date: 2026-11-27 09:41:00
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade():
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            op.execute("ALTER TABLE delivery VALIDATE CONSTRAINT delivery_reason")


def downgrade():
    """A constraint that was looked at is none the worse for it."""
