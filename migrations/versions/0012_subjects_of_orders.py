"""Give older rows their subject, and find a subject's texts

Revision ID: 0012
Revises: 0011
Create Date: 2026-11-26 22:02:00
"""

import sqlalchemy as sa
from alembic import op

from migrations import safely

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Rows that are written at once: some 0.1 s, in which nobody else can move them.
BATCH = 5_000
CHECKS = (
    ("delivery", "delivery_channel"),
    ("delivery", "delivery_reason"),
    ("attempt", "attempt_channel"),
    ("verification", "verification_channel"),
)


def upgrade():
    conn = op.get_bind()
    if conn.dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            for table, check in CHECKS:
                op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}")
            fill(conn)
    else:
        op.execute("UPDATE delivery SET subject = order_id WHERE subject IS NULL")
    safely.create_index("delivery_subject", "delivery", ["subject", "id"])
    op.drop_index("delivery_order", table_name="delivery")


def downgrade():
    safely.create_index("delivery_order", "delivery", ["order_id", "id"])
    op.drop_index("delivery_subject", table_name="delivery")


def fill(conn):
    """Give rows their subject, a batch at a time, by the primary key: each is committed alone."""
    last = "00000000-0000-0000-0000-000000000000"
    update = sa.text(
        "WITH batch AS MATERIALIZED"
        " (SELECT id FROM delivery WHERE id > CAST(:last AS uuid) ORDER BY id LIMIT :most"
        " FOR UPDATE),"
        " filled AS (UPDATE delivery SET subject = order_id FROM batch"
        " WHERE delivery.id = batch.id AND subject IS NULL)"
        " SELECT CAST(id AS text) FROM batch ORDER BY id DESC LIMIT 1"
    )
    while last := conn.execute(update, {"last": last, "most": BATCH}).scalar():
        pass
