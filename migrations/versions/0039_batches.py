"""Batches

Revision ID: 0039
Revises: 0038
Create Date: 2026-11-27 15:50:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'waiting'")
RUNNING = sa.text("state = 'running'")
FIELDS_ARE_HERE = sa.text("fields IS NOT NULL")


def states(*names, name):
    return sa.Enum(*names, name=name, native_enum=False, create_constraint=True, length=30)


def upgrade():
    op.create_table(
        "batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            states(
                *("checking", "ready", "running", "paused", "done", "canceled"), name="batchstate"
            ),
            nullable=False,
        ),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("report", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("api_key_id", sa.Integer(), nullable=True),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(purpose IS NULL) = (text IS NULL)", name=op.f("batch_announcement_whole")
        ),
        sa.CheckConstraint(
            "state NOT IN ('running', 'paused', 'done') OR started_at IS NOT NULL",
            name=op.f("batch_started"),
        ),
        sa.CheckConstraint(
            "(state = 'paused') = (paused_at IS NOT NULL)", name=op.f("batch_paused")
        ),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"], name=op.f("batch_api_key_id_fkey")),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.id"], name=op.f("batch_operator_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("batch_pkey")),
        sa.UniqueConstraint("name", name=op.f("batch_name_key")),
    )
    op.create_index(
        "batch_running", "batch", ["started_at"], postgresql_where=RUNNING, sqlite_where=RUNNING
    )
    op.create_index("batch_content", "batch", ["content_hash", "created_at"])
    op.create_table(
        "batch_row",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(length=120), nullable=True),
        sa.Column("phone_key", sa.String(length=64), nullable=True),
        sa.Column(
            "state",
            states(
                *("waiting", "accepted", "duplicate", "reused", "repeated", "gone", "faulty"),
                name="rowstate",
            ),
            nullable=False,
        ),
        sa.Column("fields", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("segments", sa.Integer(), nullable=True),
        sa.Column("faults", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivery_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(state = 'faulty') = (faults IS NOT NULL)", name=op.f("batch_row_faulty")
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (due_at IS NOT NULL)", name=op.f("batch_row_due")
        ),
        sa.CheckConstraint(
            "state != 'accepted' OR delivery_id IS NOT NULL", name=op.f("batch_row_accepted")
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("batch_row_batch_id_fkey")),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("batch_row_delivery_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["phone_key"], ["phone.phone_key"], name=op.f("batch_row_phone_key_fkey")
        ),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("batch_row_pkey")),
    )
    op.create_index("batch_row_delivery", "batch_row", ["delivery_id"])
    op.create_index(
        "batch_row_next",
        "batch_row",
        ["batch_id", "due_at", "number"],
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )
    op.create_index(
        "batch_row_phone",
        "batch_row",
        ["phone_key"],
        postgresql_where=FIELDS_ARE_HERE,
        sqlite_where=FIELDS_ARE_HERE,
    )
    op.create_table(
        "batch_deed",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column(
            "act",
            states("handed_in", "started", "paused", "resumed", "canceled", name="batchact"),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("batch_deed_batch_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("batch_deed_pkey")),
    )
    op.create_index(op.f("batch_deed_batch_id"), "batch_deed", ["batch_id"])


def downgrade():
    op.drop_table("batch_deed")
    op.drop_table("batch_row")
    op.drop_table("batch")
