"""Rows as months of work leave them, written in bulk: numbers, consent, deliveries that arrived.

What is written obeys the schema's CHECKs and unique indexes; references are right by the way
they are made, and on PostgreSQL not checked again. A fill that was cut short is carried on.
"""

import hashlib
import random
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, select, text

from smsapp.config import Settings
from smsapp.events import texts
from smsapp.models import ApiKey, Attempt, Consent, Delivery, Phone, Receipt, Wording
from smsapp.phone import phone_key
from smsapp.recipients import consent
from smsapp.recipients.purposes import TOLD_BY_SERVICE

START = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS_PER_PHONE = 5
BATCH = 50_000
# The receipts of a text from a plain number; with a Messaging Service there is one more, "queued".
STATUSES = (("sent", 1.0), ("delivered", 4.0))

Rows = dict[Any, list[dict[str, Any]]]


def fill(
    engine: Engine, settings: Settings, deliveries: int, phones: int, say: Callable[[str], None]
) -> None:
    """Bring a database to so many phones and deliveries."""
    with engine.begin() as conn:
        known = conn.scalar(select(func.count()).select_from(Phone)) or 0
        done = conn.scalar(select(func.count()).select_from(Delivery)) or 0
        if not known:
            _first_rows(conn)
    for start in range(known, phones, BATCH):
        _write(engine, _phones(settings, start, min(start + BATCH, phones)))
    for start in range(done, deliveries, BATCH):
        _write(engine, _deliveries(settings, start, min(start + BATCH, deliveries), phones))
        say(f"\r  {min(start + BATCH, deliveries):,} of {deliveries:,} deliveries")
    if deliveries > done:
        say("\n")


def number(index: int) -> str:
    """Return the so-manieth customer's number: Californian, and nobody's."""
    return f"+1415{index:07d}"


def key_of(settings: Settings, index: int) -> str:
    """Return the key of the so-manieth customer's number."""
    return phone_key(number(index), settings.phone_key_bytes)


def _first_rows(conn: Connection) -> None:
    words = {"hash": TOLD_BY_SERVICE.hash, "text": TOLD_BY_SERVICE.text}
    conn.execute(Wording.__table__.insert(), words)
    service = {"id": 1, "name": "benchmark", "key_hash": "0" * 64, "scopes": "send"}
    conn.execute(ApiKey.__table__.insert(), service | {"created_at": START})


def _phones(settings: Settings, start: int, end: int) -> Rows:
    """Return numbers, each with the grant that its first event brought along."""
    rows: Rows = {Phone: [], Consent: []}
    for index in range(start, end):
        key = key_of(settings, index)
        granted = {
            "phone_key": key,
            "seq": 1,
            "purpose": "order_updates",
            "action": "granted",
            "source": "api",
            "wording_version": TOLD_BY_SERVICE.version,
            "wording_hash": TOLD_BY_SERVICE.hash,
            "at": START,
            "since": START,
            "verify_sid": None,
        }
        granted["mac"] = consent.mac(settings.ledger_key, granted, consent.GENESIS)
        rows[Consent].append(granted)
        rows[Phone].append(
            {
                "phone_key": key,
                "e164": number(index),
                "country": "US",
                "created_at": START,
                "consents": 1,
            }
        )
    return rows


def _deliveries(settings: Settings, start: int, end: int, phones: int) -> Rows:
    """Return deliveries that arrived, a second apart, to numbers in no order."""
    rows: Rows = {Delivery: [], Attempt: [], Receipt: []}
    chance = random.Random(start)
    for n in range(start, end):
        at = START + timedelta(seconds=n)
        order = f"{n:09d}"
        delivery, attempt = _id(at, chance), _id(at, chance)
        arrived = at + timedelta(seconds=STATUSES[-1][1])
        rows[Delivery].append(
            {
                "id": delivery,
                "kind": "order_shipped",
                "event_id": f"order-{order}-shipped",
                "content_hash": hashlib.sha256(order.encode()).hexdigest(),
                "phone_key": key_of(settings, chance.randrange(phones)),
                "purpose": "order_updates",
                "subject": order,
                "order_id": order,
                "body": texts.order_shipped("Example", order, f"https://example.com/t/{order}"),
                "consent_at": START,
                "api_key_id": 1,
                "state": "delivered",
                "state_at": arrived,
                "tries": 1,
                "undelivered": 0,
                "expires_at": at + timedelta(hours=48),
                "last_attempt_at": at,
                "created_at": at,
            }
        )
        rows[Attempt].append(
            {
                "id": attempt,
                "delivery_id": delivery,
                "number": 1,
                "source": "request",
                "state": "delivered",
                "sid": f"SM{chance.getrandbits(128):032x}",
                "outcome": "accepted",
                "segments": 1,
                "started_at": at,
                "settled_at": at + timedelta(seconds=0.2),
                "is_inferred": False,
            }
        )
        rows[Receipt] += [
            {
                "attempt_id": attempt,
                "status": status,
                "error_code": 0,
                "source": "receipt",
                "received_at": at + timedelta(seconds=after),
            }
            for status, after in STATUSES
        ]
    return rows


def _id(at: datetime, chance: random.Random) -> uuid.UUID:
    """Return a UUID of version 7 as it was made then."""
    value = int(at.timestamp() * 1000) << 80 | chance.getrandbits(80)
    return uuid.UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def _write(engine: Engine, rows: Rows) -> None:
    with engine.begin() as conn:
        on_postgresql = conn.dialect.name == "postgresql"
        if on_postgresql:
            conn.execute(text("SET LOCAL session_replication_role = replica"))
            conn.execute(text("SET LOCAL synchronous_commit = off"))
        else:
            conn.exec_driver_sql("PRAGMA cache_size = -4000000")
        for model, of_table in rows.items():
            table = model.__table__
            (_copy if on_postgresql else _insert)(conn, table, of_table)


def _copy(conn: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    names = ", ".join(f'"{name}"' for name in rows[0])
    cursor = conn.connection.driver_connection.cursor()  # type: ignore[union-attr]
    with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(list(row.values()))


def _insert(conn: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    names = ", ".join(f'"{name}"' for name in rows[0])
    marks = ", ".join("?" * len(rows[0]))
    conn.exec_driver_sql(
        f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', list(_for_sqlite(rows))
    )


def _for_sqlite(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Return values as SQLAlchemy writes them there: times without a zone, ids in hex."""
    for row in rows:
        yield tuple(
            f"{value:%Y-%m-%d %H:%M:%S.%f}"
            if isinstance(value, datetime)
            else value.hex
            if isinstance(value, uuid.UUID)
            else value
            for value in row.values()
        )


def say(line: str) -> None:
    """Tell how far it is, beside the table that goes to standard output."""
    sys.stderr.write(line)
    sys.stderr.flush()
