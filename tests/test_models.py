"""The schema keeps its promises in the database, whoever writes to it."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack
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
    Operator,
    OperatorSession,
    OptOut,
    Phone,
    Receipt,
    RejectedReceipt,
    Sender,
    Worker,
)
from tests import servers
from tests.conftest import ALICE, BOB, ENVIRONMENT, ROOT, make_app, sid

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
KEY = "a" * 64
DELIVERY, ATTEMPT = new_id(), new_id()


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
        {
            "id": DELIVERY,
            "kind": "order_shipped",
            "event_id": "order-1001",
            "content_hash": "d" * 64,
            "phone_key": KEY,
            "purpose": "order_updates",
            "subject": "1001",
            "order_id": "1001",
            "body": "Hello",
            "consent_at": AT,
            "api_key_id": 1,
            "state": "sent",
            "state_at": AT,
            "tries": 1,
            "undelivered": 0,
            "expires_at": AT,
            "created_at": AT,
        },
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
]
ROW = dict(reversed(VALID))


def another(table, **changes):
    """Insert a copy of the first row of a table, with changes."""
    return insert(table).values(**ROW[table] | changes)


def changed(table, **changes):
    """Change the row; for values that the models would not let through, as plain SQL."""
    return update(table.__table__).values(**changes)


BROKEN = {
    "an event is delivered once": (
        another(Delivery, id=new_id()),
        "delivery_event_key|delivery.kind, delivery.event_id",
    ),
    "what is being sent is leased": (
        text("UPDATE delivery SET state = 'sending'"),
        "delivery_leased",
    ),
    "only what is being sent is leased": (
        changed(Delivery, lease_token=new_id(), lease_until=AT),
        "delivery_leased",
    ),
    "a lease has an end": (
        changed(Delivery, state="sending", lease_token=new_id()),
        "delivery_lease_whole",
    ),
    "an end belongs to a lease": (changed(Delivery, lease_until=AT), "delivery_lease_whole"),
    "what waits is due": (text("UPDATE delivery SET state = 'pending'"), "delivery_due"),
    "only what waits is due": (changed(Delivery, due_at=AT), "delivery_due"),
    "tries count up from nothing": (changed(Delivery, tries=-1), "delivery_tries"),
    "a delivery is in a state we know": (
        text("UPDATE delivery SET state = 'lost'"),
        "deliverystate",
    ),
    "a delivery has a reason we know": (text("UPDATE delivery SET reason = 'why'"), "reason"),
    "a delivery is to a number we know": (
        another(Delivery, id=new_id(), event_id="order-1002", phone_key="e" * 64),
        "delivery_phone_key_fkey|FOREIGN KEY",
    ),
    "a delivery is by a key we know": (
        another(Delivery, id=new_id(), event_id="order-1002", api_key_id=9),
        "delivery_api_key_id_fkey|FOREIGN KEY",
    ),
    "a number with deliveries is not deleted": (
        text(f"DELETE FROM phone WHERE phone_key = '{KEY}'"),
        "fkey|FOREIGN KEY",
    ),
    "a delivery with attempts is not deleted": (text("DELETE FROM delivery"), "fkey|FOREIGN KEY"),
    "attempts are numbered": (
        another(Attempt, id=new_id(), sid=sid(2)),
        "attempt_number_key|attempt.delivery_id, attempt.number",
    ),
    "a message has one attempt": (
        another(Attempt, id=new_id(), number=2),
        "attempt_sid_key|attempt.sid",
    ),
    "an attempt is of a delivery": (
        another(Attempt, id=new_id(), number=2, sid=sid(2), delivery_id=new_id()),
        "attempt_delivery_id_fkey|FOREIGN KEY",
    ),
    "an attempt is in a state we know": (
        text("UPDATE attempt SET state = 'lost'"),
        "attemptstate",
    ),
    "an attempt is by whom we know": (
        text("UPDATE attempt SET source = 'nobody'"),
        "attemptsource",
    ),
    "a call comes to what we know": (text("UPDATE attempt SET outcome = 'well'"), "calloutcome"),
    "a receipt is kept once": (another(Receipt), "receipt_pkey|receipt.attempt_id"),
    "a receipt is of an attempt": (
        another(Receipt, attempt_id=new_id()),
        "receipt_attempt_id_fkey|FOREIGN KEY",
    ),
    "a number has one key": (
        another(Phone, phone_key="f" * 64),
        "phone_e164_key|phone.e164",
    ),
    "a key has one number": (another(Phone, e164=BOB), "phone_pkey|phone.phone_key"),
    "one opt-out at a time is in force": (
        another(OptOut),
        "opt_out_in_force|opt_out.phone_key",
    ),
    "an opt-out is of a number we know": (
        another(OptOut, phone_key="e" * 64),
        "opt_out_phone_key_fkey|FOREIGN KEY",
    ),
    "an opt-out came through a door we know": (
        text("UPDATE opt_out SET source = 'rumour'"),
        "optoutsource",
    ),
    "a sender is held for a reason": (
        changed(Sender, held_at=AT, probe_at=AT),
        "sender_held_for_a_reason",
    ),
    "a held sender is probed": (
        changed(Sender, held_at=AT, held_code=20003),
        "sender_held_is_probed",
    ),
    "a key's name is used once": (
        another(ApiKey, id=2, key_hash="e" * 64),
        "api_key_name_key|api_key.name",
    ),
    "two keys are never alike": (
        another(ApiKey, id=2, name="other"),
        "api_key_key_hash_key|api_key.key_hash",
    ),
    "an ignored receipt is of an attempt": (
        another(RejectedReceipt, id=new_id(), attempt_id=new_id()),
        "ignored_receipt_attempt_id_fkey|FOREIGN KEY",
    ),
    "a receipt is ignored for a reason we know": (
        text("UPDATE ignored_receipt SET why = 'mood'"),
        "ignored",
    ),
    "an operator's name is used once": (
        another(Operator, id=2),
        "operator_name_key|operator.name",
    ),
    "an operator has a role we know": (text("UPDATE operator SET role = 'admin'"), "role"),
    "a session is an operator's": (
        another(OperatorSession, token_hash="b" * 64, operator_id=9),
        "operator_session_operator_id_fkey|FOREIGN KEY",
    ),
    "an operator who did something is not deleted": (
        text("DELETE FROM operator"),
        "fkey|FOREIGN KEY",
    ),
    "an act is an operator's": (
        another(Audit, id=2, operator_id=9),
        "audit_operator_id_fkey|FOREIGN KEY",
    ),
    "an act is done to a number we know": (
        another(Audit, id=2, phone_key="e" * 64),
        "audit_phone_key_fkey|FOREIGN KEY",
    ),
    "an act is one we know": (
        text("INSERT INTO audit SELECT 2, at, 1, 'slept', phone_key, NULL, NULL FROM audit"),
        "act",
    ),
    "a worker is listed once": (another(Worker), "worker_pkey|worker.name"),
}


@pytest.mark.parametrize("promise", BROKEN)
def test_the_database_keeps_its_promise(conn, promise):
    statement, name = BROKEN[promise]
    with pytest.raises(IntegrityError, match=name):
        conn.execute(statement)


def test_what_keeps_the_promises_is_taken(conn):
    """Else a promise would seem kept where the rows of these tests were wrong to begin with."""
    conn.execute(another(Delivery, id=new_id(), event_id="order-1002"))
    conn.execute(another(Delivery, id=new_id(), kind="other"))
    conn.execute(another(Attempt, id=new_id(), number=2, sid=None))
    conn.execute(another(Attempt, id=new_id(), number=3, sid=None))
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


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    """A database of each kind without a schema."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path}/empty.sqlite3"
        else:
            server = request.getfixturevalue("postgres_url")
            yield stack.enter_context(servers.database(server))


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


def test_migrations_lead_up_down_and_up_again(empty_url):
    app = make_app(DATABASE_URL=empty_url)
    with app.app_context():
        upgrade()
        first = described(empty_url)
        downgrade(revision="base")
        assert described(empty_url) == {}
        upgrade()
        assert described(empty_url) == first
        db.engine.dispose()


def test_migrations_make_the_schema_that_the_models_describe(empty_url):
    """`flask db check` sees no CHECK constraints and no lengths; the comparison does."""
    app = make_app(DATABASE_URL=empty_url)
    with app.app_context():
        upgrade()
        check()
        migrated = described(empty_url)
        downgrade(revision="base")
        Base.metadata.create_all(db.engine)
        assert described(empty_url) == migrated
        db.engine.dispose()


def test_a_column_without_a_migration_would_be_found(empty_url):
    app = make_app(DATABASE_URL=empty_url)
    with app.app_context():
        upgrade()
        with db.engine.begin() as conn:
            conn.execute(text("ALTER TABLE worker ADD COLUMN stray INTEGER"))
        with pytest.raises(SystemExit):
            check()
        db.engine.dispose()


# As the first schema has them, whatever the models have become.
PHONE = "(phone_key, e164, country, created_at) VALUES (:key, :number, 'US', :at)"
OPT_OUT = "(phone_key, source, created_at) VALUES (:key, 'operator', :at)"


def test_rows_survive_a_migration_down_and_up(empty_url):
    app = make_app(DATABASE_URL=empty_url)
    with app.app_context():
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
        db.engine.dispose()


# As the release before `subject` wrote an event down; what it does not know it leaves out.
OLDER_DELIVERY = """
    (id, kind, event_id, content_hash, phone_key, purpose, order_id, body, consent_at, state,
     state_at, tries, undelivered, expires_at, created_at)
    VALUES (:id, 'order_shipped', :event_id, :hash, :key, 'order_updates', '1001', 'words', :at,
     'sent', :at, 1, 0, :at, :at)
"""


def test_what_older_code_writes_has_its_subject_before_and_after_the_migration(empty_url):
    app = make_app(DATABASE_URL=empty_url)
    with app.app_context():

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
        db.engine.dispose()


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
        for _ in range(3)
    ]
    said = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 3, said
    app = make_app(DATABASE_URL=empty_url)
    assert app.test_client().get("/readyz").status_code == 200
    with app.app_context():
        db.engine.dispose()
