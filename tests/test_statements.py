"""What is written for many rows at once is what SQLAlchemy would have written."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, delete, insert, select, update

from smsapp.delivery import leases, outbox, receipts, settle
from smsapp.extensions import db, new_id
from smsapp.models import (
    Delivery,
    DeliveryState,
    Phone,
    Reason,
    Worker,
)
from smsapp.recipients import consent, opt_out, permission, phones
from smsapp.statements import among, execute_many

NOW = datetime(2026, 6, 2, 9, 0, 0, 123456, UTC)
ELSEWHERE = timezone(timedelta(hours=5, minutes=30))


@pytest.fixture
def conn(app):
    with app.app_context(), db.engine.begin() as conn:
        yield conn
        conn.rollback()


def phone(number, **columns):
    return {
        "phone_key": f"{number:064}",
        "e164": f"+1555867{number:04}",
        "country": "US",
        "created_at": NOW,
        "used_at": NOW,
    } | columns


def delivery(number, **columns):
    return {
        "id": new_id(),
        "kind": "order_shipped",
        "event_id": f"event-{number}",
        "content_hash": "0" * 64,
        "phone_key": f"{1:064}",
        "purpose": "order_updates",
        "order_id": "Ünïcode 100% :of %(x)s ?",
        "body": "It's here; \N{PARTY POPPER}",
        "consent_at": NOW.astimezone(ELSEWHERE),
        "state": DeliveryState.FAILED,
        "state_at": NOW + timedelta(microseconds=number),
        "reason": Reason.REJECTED if number % 2 else None,
        "error_code": number or None,
        "tries": number,
        "undelivered": 0,
        "expires_at": NOW,
        "created_at": NOW,
    } | columns


def stored(conn):
    return conn.execute(select(Delivery.__table__).order_by(Delivery.tries)).all()


def test_rows_are_inserted_as_sqlalchemy_inserts_them(conn):
    conn.execute(insert(Phone), [phone(1)])
    rows = [delivery(number) for number in range(5)]
    conn.execute(insert(Delivery), rows)
    expected = stored(conn)
    conn.execute(delete(Delivery))
    execute_many(conn, insert(Delivery), rows)
    assert stored(conn) == expected


def test_rows_are_updated_as_sqlalchemy_updates_them(conn):
    conn.execute(insert(Phone), [phone(1)])
    rows = [delivery(number) for number in range(5)]
    conn.execute(insert(Delivery), rows)
    change = (
        update(Delivery)
        .where(Delivery.id == bindparam("of"), Delivery.state == DeliveryState.FAILED)
        .values(state=bindparam("to"), due_at=bindparam("due"), reason=None, error_code=7)
    )
    changes = [
        {"of": row["id"], "to": DeliveryState.PENDING, "due": NOW + timedelta(minutes=n)}
        for n, row in enumerate(rows[:3])
    ]
    nested = conn.begin_nested()
    conn.execute(change, changes)
    expected = stored(conn)
    nested.rollback()
    assert stored(conn) != expected
    execute_many(conn, change, changes)
    assert stored(conn) == expected


def test_equal_values_that_are_not_the_same_stay_apart(conn):
    """What was converted last is kept, but never taken for another value."""
    times = [NOW, NOW.astimezone(ELSEWHERE), NOW + timedelta(seconds=1), NOW]
    execute_many(
        conn, insert(Worker), [{"name": str(n), "seen_at": t} for n, t in enumerate(times)]
    )
    found = conn.execute(select(Worker.seen_at).order_by(Worker.name)).scalars().all()
    assert found == times


@pytest.mark.parametrize("count", [0, 1, 2, 128])
def test_a_list_is_one_parameter_however_long_it_is(conn, count):
    numbers = range(130)
    conn.execute(insert(Phone), [phone(number) for number in numbers])
    wanted = [f"{number:064}" for number in numbers[:count]]
    query = select(Phone.phone_key).where(among(Phone.phone_key, "keys"))
    found = conn.execute(query, {"keys": [*wanted, "nobody's", 'a"quote', *wanted[:1]]})
    assert sorted(found.scalars()) == wanted


def test_ids_are_found_in_a_list(conn):
    conn.execute(insert(Phone), [phone(1)])
    rows = [delivery(number) for number in range(3)]
    conn.execute(insert(Delivery), rows)
    query = select(Delivery.tries).where(among(Delivery.id, "ids")).order_by(Delivery.tries)
    ids = [rows[0]["id"], rows[2]["id"], uuid.uuid4()]
    assert conn.execute(query, {"ids": ids}).scalars().all() == [0, 2]


HOT = {
    "which": outbox._WHICH,
    "by event": outbox._BY_EVENT,
    "texts since": leases._TEXTS_SINCE,
    "lease": leases._LEASE,
    "lapse attempts": leases._LAPSE_ATTEMPTS,
    "settle": settle._CURRENT,
    "receipt": receipts._CURRENT,
    "lock": phones._LOCK,
    "lock what is free": phones._LOCK_FREE,
    "facts": permission._CONSENT_STATES,
    "opt-outs": opt_out._IN_FORCE,
    "ledger": consent._ROWS,
}


@pytest.mark.parametrize("name", HOT)
def test_no_statement_of_a_hot_path_reads_a_whole_table(conn, name):
    if conn.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by how large its tables are; benchmarks/scale.py looks")
    statement = HOT[name].compile(dialect=conn.dialect)
    plan = conn.exec_driver_sql(
        f"EXPLAIN QUERY PLAN {statement}", tuple(None for _ in statement.positiontup)
    )
    steps = [row.detail for row in plan]
    scans = [step for step in steps if step.startswith("SCAN") and "json_each" not in step]
    assert not scans, steps
