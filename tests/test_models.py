"""The schema keeps its promises in the database, whoever writes to it."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import create_engine, insert, inspect, text, update
from sqlalchemy.exc import IntegrityError

from smsapp.extensions import Base, db, new_id
from smsapp.models import (
    ApiKey,
    Attempt,
    Audit,
    Delivery,
    Handover,
    Incident,
    IncidentEvent,
    IncidentPage,
    OnCallPerson,
    Operator,
    OperatorSession,
    OptOut,
    Phone,
    Receipt,
    RejectedReceipt,
    RotaOverride,
    Sender,
    Worker,
)
from tests.conftest import ALICE, BOB, ENVIRONMENT, ROOT, app_at, delivery_row, sid

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
KEY = "a" * 64
DELIVERY, ATTEMPT, INCIDENT = new_id(), new_id(), new_id()
LATER = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.fixture
def conn(app):
    """A connection to a database with one valid row in each table; nothing of it is kept."""
    with app.app_context(), db.engine.connect() as conn, conn.begin() as transaction:
        for table, row in VALID:
            conn.execute(insert(table).values(**row))
        yield conn
        transaction.rollback()


VALID = [
    (Phone, {"phone_key": KEY, "e164": ALICE, "country": "US", "created_at": AT}),
    (Phone, {"phone_key": "b" * 64, "e164": None, "country": "GB", "created_at": AT}),
    (ApiKey, {"id": 1, "name": "shop", "key_hash": "c" * 64, "scopes": "send", "created_at": AT}),
    (OptOut, {"phone_key": KEY, "source": "operator", "created_at": AT}),
    (OptOut, {"phone_key": KEY, "source": "operator", "created_at": AT, "lifted_at": AT}),
    (
        Delivery,
        delivery_row(AT, id=DELIVERY, event_id="order-1001", phone_key=KEY, api_key_id=1),
    ),
    (
        Attempt,
        {
            "id": ATTEMPT,
            "delivery_id": DELIVERY,
            "number": 1,
            "source": "request",
            "state": "queued",
            "sid": sid(1),
            "started_at": AT,
        },
    ),
    (Receipt, {"attempt_id": ATTEMPT, "status": "sent", "error_code": 0, "received_at": AT}),
    (
        RejectedReceipt,
        {
            "id": new_id(),
            "attempt_id": ATTEMPT,
            "why": "repeated",
            "status": "sent",
            "error_code": 0,
            "received_at": AT,
        },
    ),
    (
        Operator,
        {"id": 1, "name": "olga", "role": "operator", "password_hash": "x", "created_at": AT},
    ),
    (OperatorSession, {"token_hash": "a" * 64, "operator_id": 1, "began_at": AT, "seen_at": AT}),
    (Audit, {"id": 1, "at": AT, "operator_id": 1, "act": "canceled", "phone_key": KEY}),
    (Sender, {"name": "+15005550006"}),
    (Worker, {"name": "one", "seen_at": AT}),
    (OnCallPerson, {"id": 1, "name": "Ann", "phone_key": KEY, "added_at": AT}),
    (Handover, {"id": 1, "week": 1, "weekday": 0, "minute": 540, "person_id": 1}),
    (RotaOverride, {"id": 1, "person_id": 1, "starts_at": AT, "ends_at": LATER}),
    (
        Incident,
        {
            "id": INCIDENT,
            "incident_key": "db",
            "title": "The database is down",
            "severity": "critical",
            "events": 1,
            "state": "open",
            "opened_at": AT,
            "seen_at": AT,
            "round": 0,
            "step": 0,
            "stepped_at": AT,
            "step_due_at": AT,
        },
    ),
    (
        IncidentEvent,
        {
            "id": new_id(),
            "kind": "incident_opened",
            "event_id": "event-1",
            "content_hash": "0" * 64,
            "incident_id": INCIDENT,
            "created_at": AT,
        },
    ),
    (
        IncidentPage,
        {
            "id": 1,
            "incident_id": INCIDENT,
            "person_id": 1,
            "round": 0,
            "step": 0,
            "channel": "sms",
            "paged_at": AT,
        },
    ),
]
ROW = dict(reversed(VALID))


def another(table, **changes):
    """Insert a copy of the first row of a table under an id of its own, with changes."""
    row = ROW[table]
    fresh = {"id": 2 if row["id"] == 1 else new_id()} if "id" in row else {}
    return insert(table).values(**row | fresh | changes)


def changed(table, **changes):
    """Change the row; for values that the models would not let through, as plain SQL."""
    return update(table.__table__).values(**changes)


BROKEN = {
    "an event is delivered once": (
        another(Delivery),
        "delivery_event_key|delivery.kind, delivery.event_id",
    ),
    "what is being sent is leased": ("UPDATE delivery SET state = 'sending'", "delivery_leased"),
    "only what is being sent is leased": (
        changed(Delivery, lease_token=new_id(), lease_until=AT),
        "delivery_leased",
    ),
    "a lease has an end": (
        changed(Delivery, state="sending", lease_token=new_id()),
        "delivery_lease_whole",
    ),
    "an end belongs to a lease": (changed(Delivery, lease_until=AT), "delivery_lease_whole"),
    "what waits is due": ("UPDATE delivery SET state = 'pending'", "delivery_due"),
    "only what waits is due": (changed(Delivery, due_at=AT), "delivery_due"),
    "tries count up from nothing": (changed(Delivery, tries=-1), "delivery_tries"),
    "a number with deliveries is not deleted": ("DELETE FROM phone", "fkey|FOREIGN KEY"),
    "a delivery with attempts is not deleted": ("DELETE FROM delivery", "fkey|FOREIGN KEY"),
    "attempts are numbered": (
        another(Attempt, sid=sid(2)),
        "attempt_number_key|attempt.delivery_id, attempt.number",
    ),
    "a message has one attempt": (another(Attempt, number=2), "attempt_sid_key|attempt.sid"),
    "a receipt is kept once": (another(Receipt), "receipt_pkey|receipt.attempt_id"),
    "a number has one key": (another(Phone, phone_key="f" * 64), "phone_number|phone.e164"),
    "a key has one number": (another(Phone, e164=BOB), "phone_pkey|phone.phone_key"),
    "one opt-out at a time is in force": (another(OptOut), "opt_out_in_force|opt_out.phone_key"),
    "a sender is held for a reason": (
        changed(Sender, held_at=AT, probe_at=AT),
        "sender_held_for_a_reason",
    ),
    "a held sender is probed": (
        changed(Sender, held_at=AT, held_code=20003),
        "sender_held_is_probed",
    ),
    "a key's name is used once": (
        another(ApiKey, key_hash="e" * 64),
        "api_key_name_key|api_key.name",
    ),
    "two keys are never alike": (
        another(ApiKey, name="other"),
        "api_key_key_hash_key|api_key.key_hash",
    ),
    "an operator's name is used once": (another(Operator), "operator_name_key|operator.name"),
    "an operator who did something is not deleted": ("DELETE FROM operator", "fkey|FOREIGN KEY"),
    "an act is one we know": (
        "INSERT INTO audit SELECT 2, at, 1, 'slept', phone_key, NULL, NULL FROM audit",
        "act",
    ),
    "a worker is listed once": (another(Worker), "worker_pkey|worker.name"),
    "one incident of a key is open": (another(Incident), "incident_open|incident.incident_key"),
    "what nobody has to be told of has no step": (
        changed(Incident, state="acknowledged", acknowledged_at=AT),
        "incident_open_has_steps",
    ),
    "who has it says since when": (
        changed(Incident, state="acknowledged", step_due_at=None),
        "incident_acknowledged",
    ),
    "what is over says since when": (
        changed(Incident, state="resolved", step_due_at=None),
        "incident_resolved",
    ),
    "an incident's event is told once": (another(IncidentEvent), "incident_event_key|event_id"),
    "a step tells somebody once": (another(IncidentPage), "incident_page_key|person_id"),
    "one of those on call has a name": (another(OnCallPerson), "on_call_person_name|name"),
    "one takes over at a time": (another(Handover), "handover_time_key|handover.week"),
    "who stands in does so for a time": (
        changed(RotaOverride, ends_at=AT),
        "rota_override_ends_later",
    ),
}
# Columns that hold one word of a list of ours.
WORDS = {
    "a delivery is in a state we know": ("delivery", "state", "deliverystate"),
    "a delivery has a reason we know": ("delivery", "reason", "reason"),
    "an attempt is in a state we know": ("attempt", "state", "attemptstate"),
    "an attempt is by whom we know": ("attempt", "source", "attemptsource"),
    "a call comes to what we know": ("attempt", "outcome", "calloutcome"),
    "an opt-out came through a door we know": ("opt_out", "source", "optoutsource"),
    "a receipt is ignored for a reason we know": ("ignored_receipt", "why", "ignored"),
    "an operator has a role we know": ("operator", "role", "role"),
}
BROKEN |= {
    promise: (f"UPDATE {table} SET {column} = 'lost'", name)
    for promise, (table, column, name) in WORDS.items()
}
# Columns that name a row of another table.
REFERENCES = {
    "a delivery is to a number we know": (Delivery, "phone_key"),
    "a delivery is by a key we know": (Delivery, "api_key_id"),
    "an attempt is of a delivery": (Attempt, "delivery_id"),
    "a receipt is of an attempt": (Receipt, "attempt_id"),
    "an opt-out is of a number we know": (OptOut, "phone_key"),
    "an ignored receipt is of an attempt": (RejectedReceipt, "attempt_id"),
    "a session is an operator's": (OperatorSession, "operator_id"),
    "an act is an operator's": (Audit, "operator_id"),
    "an act is done to a number we know": (Audit, "phone_key"),
}
NOBODY = {"phone_key": "e" * 64, "api_key_id": 9, "operator_id": 9}
NOBODY |= {"delivery_id": new_id(), "attempt_id": new_id()}
FRESH = {
    Delivery: {"event_id": "order-1002"},
    Attempt: {"number": 2, "sid": sid(2)},
    OperatorSession: {"token_hash": "b" * 64},
}
BROKEN |= {
    promise: (
        another(table, **FRESH.get(table, {}), **{column: NOBODY[column]}),
        f"{table.__tablename__}_{column}_fkey|FOREIGN KEY",
    )
    for promise, (table, column) in REFERENCES.items()
}


@pytest.mark.parametrize("promise", BROKEN)
def test_the_database_keeps_its_promise(conn, promise):
    statement, name = BROKEN[promise]
    with pytest.raises(IntegrityError, match=name):
        conn.execute(text(statement) if isinstance(statement, str) else statement)


def test_what_keeps_the_promises_is_taken(conn):
    """Else a promise would seem kept where the rows of these tests were wrong to begin with."""
    conn.execute(another(Delivery, event_id="order-1002"))
    conn.execute(another(Delivery, kind="other"))
    conn.execute(another(Attempt, number=2, sid=None))
    conn.execute(another(Attempt, number=3, sid=None))
    conn.execute(another(Receipt, status="delivered"))
    conn.execute(another(Receipt, error_code=30006))
    conn.execute(another(Phone, phone_key="e" * 64, e164=None))
    conn.execute(another(OptOut, lifted_at=AT))
    conn.execute(another(OptOut, phone_key="b" * 64))
    conn.execute(changed(Delivery, state="sending", lease_token=new_id(), lease_until=AT))
    pending = {"state": "pending", "due_at": AT, "lease_token": None, "lease_until": None}
    conn.execute(changed(Delivery, **pending))
    conn.execute(changed(Sender, held_at=AT, held_code=20003, probe_at=AT))


@pytest.mark.parametrize("column", ["kind", "event_id", "phone_key", "body", "state", "created_at"])
def test_a_delivery_is_whole(conn, column):
    with pytest.raises(IntegrityError, match=r"(?i)not.null"):
        conn.execute(text(f"UPDATE delivery SET {column} = NULL"))


def test_a_time_without_a_zone_is_refused(conn):
    with pytest.raises(Exception, match="a time without a zone"):
        conn.execute(changed(Worker, seen_at=datetime(2026, 11, 21)))  # noqa: DTZ001


def test_what_is_due_and_what_is_leased_is_found_by_an_index(conn):
    """Finished deliveries, which are nearly all of them, are in neither."""
    indexes = {index["name"]: index for index in inspect(conn).get_indexes("delivery")}
    for name, state in (("delivery_due", "pending"), ("delivery_leased", "sending")):
        options = indexes[name]["dialect_options"]
        where = options.get("postgresql_where") or options.get("sqlite_where")
        assert state in str(where)


def described(url):
    """Return all that a schema promises, in an order of its own."""
    engine = create_engine(url)
    found = inspect(engine)
    tables = {}
    for table in found.get_table_names():
        if table == "alembic_version":
            continue
        tables[table] = {
            "columns": sorted(
                (column["name"], str(column["type"]), column["nullable"])
                for column in found.get_columns(table)
            ),
            "primary key": found.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": sorted(
                (key["constrained_columns"], key["referred_table"], key["referred_columns"])
                for key in found.get_foreign_keys(table)
            ),
            "unique": sorted(key["column_names"] for key in found.get_unique_constraints(table)),
            "checks": sorted(
                (key["name"], re.sub(r"\s+", " ", key["sqltext"]))
                for key in found.get_check_constraints(table)
            ),
            "indexes": sorted(
                (index["name"], index["column_names"], bool(index["unique"]))
                for index in found.get_indexes(table)
            ),
        }
    engine.dispose()
    return tables


def test_migrations_lead_up_down_and_up_again_to_the_schema_that_the_models_describe(empty_url):
    """`flask db check` sees no CHECK constraints and no lengths; the comparison does."""
    with app_at(empty_url):
        upgrade()
        check()
        migrated = described(empty_url)
        downgrade(revision="base")
        assert described(empty_url) == {}
        upgrade()
        assert described(empty_url) == migrated
        downgrade(revision="base")
        Base.metadata.create_all(db.engine)
        assert described(empty_url) == migrated


def test_a_column_without_a_migration_would_be_found(empty_url):
    with app_at(empty_url):
        upgrade()
        with db.engine.begin() as conn:
            conn.execute(text("ALTER TABLE worker ADD COLUMN stray INTEGER"))
        with pytest.raises(SystemExit):
            check()


# As the first schema has them, whatever the models have become.
PHONE = "(phone_key, e164, country, created_at) VALUES (:key, :number, 'US', :at)"
OPT_OUT = "(phone_key, source, created_at) VALUES (:key, 'operator', :at)"


def test_rows_survive_a_migration_down_and_up(empty_url):
    with app_at(empty_url):
        upgrade(revision="0001")
        with db.engine.begin() as conn:
            row = {"key": KEY, "number": ALICE, "at": "2026-11-21 09:00:00.000000"}
            conn.execute(text(f"INSERT INTO phone {PHONE}"), row)
            conn.execute(text(f"INSERT INTO opt_out {OPT_OUT}"), row)
        upgrade()
        downgrade(revision="0001")
        upgrade()
        with db.engine.connect() as conn:
            assert conn.execute(text("SELECT e164 FROM phone")).scalar_one() == ALICE
            assert conn.execute(text("SELECT phone_key FROM opt_out")).scalar_one() == KEY


# As the release before `subject` wrote an event down; what it does not know it leaves out.
OLDER_DELIVERY = """
    (id, kind, event_id, content_hash, phone_key, purpose, order_id, body, consent_at, state,
     state_at, tries, undelivered, expires_at, created_at)
    VALUES (:id, 'order_shipped', :event_id, :hash, :key, 'order_updates', '1001', 'words', :at,
     'sent', :at, 1, 0, :at, :at)
"""


def test_what_older_code_writes_has_its_subject_before_and_after_the_migration(empty_url):
    with app_at(empty_url):

        def write(event_id):
            row = {"key": KEY, "number": ALICE, "at": "2026-11-21 09:00:00.000000"}
            row |= {"id": new_id().hex, "event_id": event_id, "hash": "f" * 64}
            with db.engine.begin() as conn:
                conn.execute(text(f"INSERT INTO phone {PHONE} ON CONFLICT DO NOTHING"), row)
                conn.execute(text(f"INSERT INTO delivery {OLDER_DELIVERY}"), row)

        def read(column):
            with db.engine.connect() as conn:
                return conn.execute(text(f"SELECT {column} FROM delivery")).scalars().all()

        upgrade(revision="0010")
        write("before the migration")
        upgrade()
        write("beside newer code")
        assert read("subject") == ["1001", "1001"]
        assert read("channel") == ["sms", "sms"]
        with db.engine.begin() as conn:
            conn.execute(text("UPDATE delivery SET consent_at = NULL, reason = 'no_consent'"))
        downgrade(revision="0010")
        assert read("order_id") == ["1001", "1001"]
        assert None not in read("consent_at")
        write("after the way back")
        upgrade()
        assert read("subject") == ["1001", "1001", "1001"]


def test_processes_that_start_together_migrate_once(empty_url):
    command = [Path(sys.executable).parent / "flask", "db", "upgrade"]
    environment = ENVIRONMENT | {"DATABASE_URL": empty_url, "WEB_CONCURRENCY": "1"}
    running = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    with app_at(empty_url) as app:
        assert app.test_client().get("/readyz").status_code == 200
