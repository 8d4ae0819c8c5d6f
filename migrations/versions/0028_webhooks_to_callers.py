"""Webhooks to callers, and the triggers that write them

A state changes in a dozen places, and more will come. So it is the database that notes what callers
are to be told, in the transaction that changes it: no place can forget to, code of the last release
running beside this one neither, and no transaction has a statement more. Where no endpoint is
enabled, it costs a look into an empty table.

Where SQLite makes one of these tables anew (batch_alter_table), its triggers are to be made anew
too: tests/webhooks/test_triggers.py fails where one is missing.

Revision ID: 0028
Revises: 0032
Create Date: 2026-11-27 15:50:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0032"
branch_labels = None
depends_on = None

TOLD = "('sent', 'delivered', 'undelivered', 'failed', 'suppressed', 'canceled', 'expired', 'read')"
NONE = "NULL"
# Name, when, table, condition; and what is told: type, record, reason, error code, since when.
# {hex}: an id as 32 hex digits; {differs}: "is another, or one of both is null".
OF_DELIVERY = ("'delivery.' || NEW.state", "{hex}", "NEW.reason", "NEW.error_code", "NEW.state_at")
OF_CONSENT = (
    "CASE NEW.action WHEN 'granted' THEN 'recipient.consented' ELSE 'recipient.withdrew' END",
    "NEW.phone_key || ':' || NEW.seq",
    "NEW.source",
    NONE,
    "NEW.at",
)
OF_OPT_OUT = "CAST(NEW.id AS {text})"
TRIGGERS = [
    ("webhook_delivery_new", "INSERT", "delivery", f"NEW.state IN {TOLD}", OF_DELIVERY),
    (
        "webhook_delivery",
        "UPDATE OF state",
        "delivery",
        f"NEW.state {{differs}} OLD.state AND NEW.state IN {TOLD}",
        OF_DELIVERY,
    ),
    (
        "webhook_appointment",
        "UPDATE OF confirmed_at",
        "appointment_event",
        "NEW.confirmed_at IS NOT NULL AND OLD.confirmed_at IS NULL",
        ("'appointment.confirmed'", "{hex_delivery}", NONE, NONE, "NEW.confirmed_at"),
    ),
    # Not what a service said itself, nor what was said before and is only written once more.
    (
        "webhook_consent",
        "INSERT",
        "consent",
        "NEW.source <> 'api' AND NEW.since = NEW.at",
        OF_CONSENT,
    ),
    (
        "webhook_opt_out",
        "INSERT",
        "opt_out",
        "NEW.lifted_at IS NULL",
        ("'recipient.opted_out'", OF_OPT_OUT, "NEW.source", NONE, "NEW.created_at"),
    ),
    (
        "webhook_opt_in",
        "UPDATE OF lifted_at",
        "opt_out",
        "NEW.lifted_at IS NOT NULL AND OLD.lifted_at IS NULL",
        ("'recipient.opted_in'", OF_OPT_OUT, NONE, NONE, "NEW.lifted_at"),
    ),
    (
        "webhook_inbound",
        "INSERT",
        "inbound",
        "1 = 1",
        ("'message.received'", "NEW.sid", NONE, NONE, "NEW.received_at"),
    ),
]
INTO = (
    "INSERT INTO webhook (message_id, endpoint_id, type, record, reason, error_code, occurred_at,"
    " state, due_at, tries)"
)
FROM = (
    "FROM webhook_endpoint AS endpoint"
    " WHERE endpoint.disabled_at IS NULL AND (endpoint.types IS NULL"
)
# In plpgsql, which keeps the plan: as SQL it took three times as long.
ON_POSTGRESQL = f"""
CREATE FUNCTION tell_webhooks(what text, of text, why text, code integer, since timestamptz)
RETURNS void LANGUAGE plpgsql AS $$ BEGIN
{INTO} SELECT gen_random_uuid(), endpoint.id, what, of, why, code, since, 'pending', since, 0
{FROM} OR strpos(endpoint.types, ' ' || what || ' ') > 0);
END $$"""


def upgrade():
    create_tables()
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    if on_postgresql:
        op.execute(ON_POSTGRESQL)
    for name, when, table, condition, told in TRIGGERS:
        for statement in (postgresql if on_postgresql else sqlite)(
            name, when, table, condition, told
        ):
            op.execute(statement)
    set_kinds((*KINDS, "endpoint_disabled"))


def sqlite(name, when, table, condition, told):
    what, of, why, code, since = (
        part.format(hex="NEW.id", hex_delivery="NEW.delivery_id", text="TEXT") for part in told
    )
    yield f"""CREATE TRIGGER {name} AFTER {when} ON {table}
        WHEN {condition.format(differs="IS NOT")} BEGIN
        {INTO} SELECT lower(hex(randomblob(16))), endpoint.id, {what}, {of}, {why}, {code}, {since},
        'pending', {since}, 0 {FROM} OR instr(endpoint.types, ' ' || {what} || ' ') > 0);
        END"""


def postgresql(name, when, table, condition, told):
    parts = [
        part.format(
            hex="replace(CAST(NEW.id AS text), '-', '')",
            hex_delivery="replace(CAST(NEW.delivery_id AS text), '-', '')",
            text="text",
        )
        for part in told
    ]
    yield f"""CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM tell_webhooks({", ".join(parts)}); RETURN NULL; END $$"""
    yield f"""CREATE TRIGGER {name} AFTER {when} ON {table} FOR EACH ROW
        WHEN ({condition.format(differs="IS DISTINCT FROM")}) EXECUTE FUNCTION {name}()"""


def create_tables():
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("types", sa.String(length=1000), nullable=True),
        sa.Column("wants_bodies", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "disabled_because",
            sa.Enum(
                "asked",
                "failing",
                name="disabledbecause",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=True,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(disabled_at IS NULL) = (disabled_because IS NULL)",
            name=op.f("webhook_endpoint_disabled"),
        ),
        sa.CheckConstraint("generation >= 1", name=op.f("webhook_endpoint_generation")),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_endpoint_pkey")),
        sa.UniqueConstraint("name", name=op.f("webhook_endpoint_name_key")),
    )
    op.create_table(
        "webhook",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("record", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=True),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "taken",
                "dead",
                name="webhookstate",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("first_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(length=20), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'pending') = (due_at IS NOT NULL)", name=op.f("webhook_due")),
        sa.CheckConstraint("(state = 'pending') = (done_at IS NULL)", name=op.f("webhook_done")),
        sa.CheckConstraint("lease_token IS NULL OR state = 'pending'", name=op.f("webhook_leased")),
        sa.CheckConstraint("tries >= 0", name=op.f("webhook_tries")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoint.id"], name=op.f("webhook_endpoint_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_pkey")),
        sa.UniqueConstraint("message_id", name=op.f("webhook_message_id_key")),
    )
    for name, columns, which in (
        ("webhook_due", ["endpoint_id", "due_at", "id"], "state = 'pending'"),
        ("webhook_record", ["record", "endpoint_id", "id"], "state = 'pending'"),
        ("webhook_dead", ["endpoint_id", "id"], "state = 'dead'"),
        ("webhook_done", ["done_at"], "done_at IS NOT NULL"),
    ):
        rows = sa.text(which)
        op.create_index(name, "webhook", columns, postgresql_where=rows, sqlite_where=rows)


KINDS = (
    "country_rate",
    "sender_rate",
    "outbox_old",
    "unknown_old",
    "sender_held",
    "receipts_silent",
    "signatures_refused",
    "look_ups_doubtful",
    "no_worker",
    "codes_half_spent",
    "codes_spent",
)


def downgrade():
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for name, _, table, *_ in TRIGGERS:
        if on_postgresql:
            op.execute(f"DROP TRIGGER {name} ON {table}")
            op.execute(f"DROP FUNCTION {name}()")
        else:
            op.execute(f"DROP TRIGGER {name}")
    if on_postgresql:
        op.execute("DROP FUNCTION tell_webhooks(text, text, text, integer, timestamptz)")
    op.drop_table("webhook")
    op.drop_table("webhook_endpoint")
    op.execute("DELETE FROM alarm WHERE kind = 'endpoint_disabled'")
    set_kinds(KINDS)


def set_kinds(kinds):
    """Say which kinds of alarm there are; of the table's few rows each is looked at."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE alarm DROP CONSTRAINT IF EXISTS alarm_alarmkind")
        op.execute(f"ALTER TABLE alarm ADD CONSTRAINT alarm_alarmkind CHECK (kind IN {kinds})")
        return
    with op.batch_alter_table("alarm") as alarm:
        alarm.drop_constraint(op.f("alarm_alarmkind"), type_="check")
        alarm.create_check_constraint(op.f("alarm_alarmkind"), f"kind IN {kinds}")
