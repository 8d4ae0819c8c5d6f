"""Incidents, who is on call, and who was told

Revision ID: 0034
Revises: 0028
Create Date: 2026-11-27 16:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0028"
branch_labels = None
depends_on = None

ACTS = ("number_shown", "sent_again", "canceled", "opted_out", "answered")
ALARMS = (
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
    "endpoint_disabled",
)
NEW_ALARMS = ("nobody_on_call", "on_call_silenced", "incident_unanswered")
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
TIME = sa.DateTime(timezone=True)


def upgrade():
    op.create_table(
        "on_call_person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("phone_key", sa.String(length=64), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("verified_at", TIME, nullable=True),
        sa.Column("left_at", TIME, nullable=True),
        sa.Column("bundle_at", TIME, nullable=True),
        sa.Column("bundled_at", TIME, nullable=True),
        sa.Column("news_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["phone_key"], ["phone.phone_key"], name=op.f("on_call_person_phone_key_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("on_call_person_pkey")),
    )
    index("on_call_person_name", "on_call_person", ["name"], "left_at IS NULL", unique=True)
    index("on_call_person_phone", "on_call_person", ["phone_key"])
    op.create_table(
        "handover",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("week", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("week BETWEEN 1 AND 52", name=op.f("handover_week")),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("handover_weekday")),
        sa.CheckConstraint("minute BETWEEN 0 AND 1439", name=op.f("handover_minute")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["on_call_person.id"], name=op.f("handover_person_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("handover_pkey")),
        sa.UniqueConstraint("week", "weekday", "minute", name="handover_time_key"),
    )
    op.create_table(
        "rota_override",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("rota_override_ends_later")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["on_call_person.id"], name=op.f("rota_override_person_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("rota_override_pkey")),
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident_key", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("severity", words("severity", "critical", "warning"), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column(
            "state", words("incidentstate", "open", "acknowledged", "resolved"), nullable=False
        ),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("stepped_at", TIME, nullable=False),
        sa.Column("step_due_at", TIME, nullable=True),
        sa.Column("unanswered_at", TIME, nullable=True),
        sa.Column("acknowledged_at", TIME, nullable=True),
        sa.Column("acknowledged_by", sa.String(length=80), nullable=True),
        sa.Column(
            "acknowledged_via",
            words("door", "reply", "call", "link", "console", "api"),
            nullable=True,
        ),
        sa.Column("resolved_at", TIME, nullable=True),
        sa.Column("news_due_at", TIME, nullable=True),
        sa.Column("test_of", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "step_due_at IS NULL OR state = 'open'", name=op.f("incident_open_has_steps")
        ),
        sa.CheckConstraint(
            "state <> 'acknowledged' OR acknowledged_at IS NOT NULL",
            name=op.f("incident_acknowledged"),
        ),
        sa.CheckConstraint(
            "(state = 'resolved') = (resolved_at IS NOT NULL)", name=op.f("incident_resolved")
        ),
        sa.ForeignKeyConstraint(
            ["test_of"], ["on_call_person.id"], name=op.f("incident_test_of_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("incident_pkey")),
    )
    index("incident_open", "incident", ["incident_key"], "state <> 'resolved'", unique=True)
    index("incident_due", "incident", ["step_due_at"], "step_due_at IS NOT NULL")
    index("incident_news", "incident", ["news_due_at"], "news_due_at IS NOT NULL")
    op.create_table(
        "incident_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("event_id", sa.String(length=120), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("api_key_id", sa.Integer(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_key.id"], name=op.f("incident_event_api_key_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("incident_event_incident_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("incident_event_pkey")),
        sa.UniqueConstraint("kind", "event_id", name="incident_event_key"),
    )
    op.create_table(
        "incident_page",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("channel", words("channel", "sms", "whatsapp", "call", "email"), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("paged_at", TIME, nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("incident_page_delivery_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("incident_page_incident_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["on_call_person.id"], name=op.f("incident_page_person_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("incident_page_pkey")),
        sa.UniqueConstraint("incident_id", "round", "step", "person_id", name="incident_page_key"),
    )
    index("incident_page_person", "incident_page", ["person_id", "paged_at"])
    index("incident_page_delivery", "incident_page", ["delivery_id"])
    set_alarms((*ALARMS, *NEW_ALARMS))
    replace_acts((*ACTS, "on_call"))


def downgrade():
    for table in (
        "incident_page",
        "incident_event",
        "incident",
        "rota_override",
        "handover",
        "on_call_person",
    ):
        op.drop_table(table)
    op.execute(
        "DELETE FROM alarm"
        " WHERE kind IN ('nobody_on_call', 'on_call_silenced', 'incident_unanswered')"
    )
    set_alarms(ALARMS)
    # Nothing is taken out of the trail: what was changed stays there, and its act with it.


def words(name, *values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=30)


def index(name, table, columns, where=None, *, unique=False):
    which = sa.text(where) if where else None
    op.create_index(name, table, columns, unique=unique, postgresql_where=which, sqlite_where=which)


def set_alarms(kinds):
    """Say which kinds of alarm there are; of the table's few rows each is looked at."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE alarm DROP CONSTRAINT IF EXISTS alarm_alarmkind")
        op.execute(f"ALTER TABLE alarm ADD CONSTRAINT alarm_alarmkind CHECK (kind IN {kinds})")
        return
    with op.batch_alter_table("alarm") as alarm:
        alarm.drop_constraint(op.f("alarm_alarmkind"), type_="check")
        alarm.create_check_constraint(op.f("alarm_alarmkind"), f"kind IN {kinds}")


def replace_acts(acts):
    """Replace a CHECK; on PostgreSQL without a look at the rows there are."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE audit DROP CONSTRAINT audit_act")
        op.execute(f"ALTER TABLE audit ADD CONSTRAINT audit_act CHECK (act IN {acts}) NOT VALID")
        return
    with op.batch_alter_table("audit") as audit:
        audit.drop_constraint(op.f("audit_act"), type_="check")
        audit.create_check_constraint(op.f("audit_act"), f"act IN {acts}")
    for trigger in KEPT:
        op.execute(trigger)
