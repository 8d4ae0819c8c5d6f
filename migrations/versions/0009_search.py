"""Find an order's texts, and the newest texts from customers

Revision ID: 0009
Revises: 0008
Create Date: 2026-11-21 06:05:00
"""

from alembic import op

from migrations import safely

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = (
    ("delivery_order", "delivery", ["order_id", "id"]),
    ("inbound_newest", "inbound", ["received_at", "sid"]),
)


def upgrade():
    for name, table, columns in INDEXES:
        safely.create_index(name, table, columns)


def downgrade():
    for name, table, _ in reversed(INDEXES):
        op.drop_index(name, table_name=table)
