"""What the hot paths cost beside millions of deliveries, as a ratio to none; bytes per event.

    python -m benchmarks.scale                                     both databases, 100,000
    python -m benchmarks.scale --deliveries 5000000 FULL EMPTY     databases of your own

FULL and EMPTY are SQLAlchemy URLs; FULL is filled up to the number and kept. A fill that was cut
short is carried on. Both are measured turn by turn in the same run, so that only their size
differs; on PostgreSQL started from here `fsync` is off.
"""

import argparse
import random
import secrets
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import Connection, Engine, event, text

from benchmarks import scale_rows
from smsapp import config
from smsapp.app import create_app
from smsapp.delivery import claiming, leases, outbox, receipt_rows, settle
from smsapp.delivery.call_results import CallResult
from smsapp.delivery.leases import Claim
from smsapp.delivery.new_deliveries import NewDelivery
from smsapp.delivery.receipt_rows import IncomingReceipt
from smsapp.extensions import Base, db
from smsapp.models import Channel
from smsapp.providers.messages import Sent
from tests import servers

ENVIRONMENT = {
    "SECRET_KEY": "a secret key for benchmarks alone!",
    "PHONE_KEY": "a phone key for benchmarks alone!!",
    "PUBLIC_BASE_URL": "https://sms.example.com",
    "TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000001",
    "TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
    "TWILIO_FROM_NUMBER": "+15005550006",
    "TWILIO_BASE_URL": "http://127.0.0.1:9",
    "MAX_TEXTS_PER_NUMBER_PER_DAY": "1000000",
}
# Known customers in the database that has no deliveries.
FEW_PHONES = 2_000
STEPS = ("accept", "accept, to be sent later", "claim", "settle", "receipt: sent", "delivered")


class Cost:
    """What one step took each time, per row in µs: wall, our own CPU, waiting for the database."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.database: list[float] = []


class Side:
    """One database under measurement."""

    def __init__(self, name: str, url: str, deliveries: int, phones: int) -> None:
        self.name, self.deliveries, self.phones = name, deliveries, phones
        self.app: Flask = create_app(config.load(ENVIRONMENT | {"DATABASE_URL": url}))
        self.settings = self.app.extensions["settings"]
        self.costs: dict[str, Cost] = defaultdict(Cost)
        self.chance = random.Random(7)
        self.met = phones
        self.in_database = 0.0
        with self.app.app_context():
            upgrade()
            self.engine: Engine = db.engine
            self.rules = leases.rules()
        event.listen(self.engine, "before_cursor_execute", self._before)
        event.listen(self.engine, "after_cursor_execute", self._after)

    def _before(self, conn: Connection, *_rest: Any) -> None:
        conn.info["began"] = time.perf_counter()

    def _after(self, conn: Connection, *_rest: Any) -> None:
        self.in_database += time.perf_counter() - conn.info["began"]

    def fill(self) -> None:
        """Write the rows."""
        scale_rows.fill(self.engine, self.settings, self.deliveries, self.phones, scale_rows.say)
        self.tidy()

    def tidy(self) -> None:
        """Gather PostgreSQL's statistics, as autovacuum does: without them it scans tables."""
        if self.engine.dialect.name == "postgresql":
            autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")
            with autocommit.connect() as conn:
                conn.execute(text("SET statement_timeout = 0"))
                conn.execute(text("VACUUM (ANALYZE)"))

    @contextmanager
    def step(self, name: str, rows: int) -> Iterator[Connection]:
        """Measure one transaction over so many rows."""
        self.in_database = 0.0
        wall, cpu = time.perf_counter(), time.process_time()
        with self.engine.connect() as conn, conn.begin() as transaction:
            yield conn
            before_commit = time.perf_counter()
            transaction.commit()
            self.in_database += time.perf_counter() - before_commit
        cost = self.costs[name]
        cost.wall.append((time.perf_counter() - wall) / rows * 1e6)
        cost.cpu.append((time.process_time() - cpu) / rows * 1e6)
        cost.database.append(self.in_database / rows * 1e6)

    def round(self, rows: int) -> None:
        """Let some events go all the way: half of them sent at once, half by the worker."""
        with self.app.app_context():
            with self.step("accept", rows) as conn:
                accepted = outbox.accept(conn, self._events(rows, send_now=True))
            self._send([row.claim for row in accepted if row.claim])
            with self.step("accept, to be sent later", rows) as conn:
                outbox.accept(conn, self._events(rows, send_now=False))
            with self.step("claim", rows) as conn:
                claims = claiming.claim(conn, rows, self.rules)
            if len(claims) != rows:
                raise SystemExit(f"{len(claims)} of {rows} were claimed")
            self._send(claims)

    def _send(self, claims: list[Claim]) -> None:
        sids = [f"SM{secrets.token_hex(16)}" for _ in claims]
        sent = [Sent(sid, "queued", 1) for sid in sids]
        with self.step("settle", len(claims)) as conn:
            settle.settle(conn, [CallResult(*pair) for pair in zip(claims, sent, strict=True)])
        for name, status in (("receipt: sent", "sent"), ("delivered", "delivered")):
            told = [
                IncomingReceipt(claim.attempt_id, sid, status, 0, retry_waits=())
                for claim, sid in zip(claims, sids, strict=True)
            ]
            with self.step(name, len(claims)) as conn:
                receipt_rows.record(conn, told)

    def _events(self, count: int, *, send_now: bool) -> list[NewDelivery]:
        """Return new events: every fifth to a number never met before, as in the fill."""
        return [self._event(n, send_now=send_now) for n in range(count)]

    def _event(self, n: int, *, send_now: bool) -> NewDelivery:
        if n % scale_rows.EVENTS_PER_PHONE == 0:
            self.met += 1
            phone = self.met
        else:
            phone = self.chance.randrange(self.phones)
        order = secrets.token_hex(5)
        return NewDelivery(
            kind="order_shipped",
            event_id=f"order-{order}-shipped",
            content_hash=secrets.token_hex(32),
            phone_key=scale_rows.key_of(self.settings, phone),
            e164=scale_rows.number(phone),
            purpose="order_updates",
            channel=Channel.SMS,
            subject=order,
            body=f"Example: Your order {order} has shipped. Tracking: https://example.com/{order}",
            consent_at=datetime(2026, 1, 1, tzinfo=UTC),
            max_age=timedelta(hours=48),
            api_key_id=1,
            send_now=send_now,
            rules=self.rules,
        )


def sizes(engine: Engine) -> dict[str, tuple[int, int]]:
    """Return the bytes of each table and of its indexes."""
    with engine.connect() as conn:
        if engine.dialect.name == "postgresql":
            conn.execute(text("SET statement_timeout = 0"))
            query = text("SELECT pg_table_size(:name), pg_indexes_size(:name)")
            found = {t: conn.execute(query, {"name": t}).one() for t in Base.metadata.tables}
            return {table: (own, indexes) for table, (own, indexes) in found.items()}
        pages = text(
            "SELECT s.tbl_name, s.type, sum(d.pgsize) FROM dbstat d "
            "JOIN sqlite_master s ON s.name = d.name GROUP BY 1, 2"
        )
        of = {(table, kind): size for table, kind, size in conn.execute(pages)}
        tables = Base.metadata.tables
        return {t: (of.get((t, "table"), 0), of.get((t, "index"), 0)) for t in tables}


def print_sizes(side: Side) -> None:
    """Print what an event leaves behind, in bytes."""
    print(
        f"\n{side.name}, {side.deliveries:,} deliveries to {side.phones:,} numbers; bytes per event"
    )
    total = 0
    for table, (own, indexes) in sorted(sizes(side.engine).items(), key=lambda row: -sum(row[1])):
        if own + indexes >= side.deliveries:
            each = own / side.deliveries, indexes / side.deliveries
            print(f"  {table:16} {each[0]:7.0f}  indexes {each[1]:7.0f}")
            total += own + indexes
    print(f"  {'together':16} {total / side.deliveries:7.0f}  ({total / 1e9:.1f} GB)")


def print_costs(empty: Side, full: Side, rows: int) -> None:
    """Print medians per row, and the ratio of the full database to the empty one."""
    print(f"\n{full.name}: µs per row, {rows} rows in a transaction; medians")
    print(f"  {'':26} {'empty':>7} {'full':>7} {'ratio':>6}   of full: {'CPU':>5} {'database':>9}")
    for step in STEPS:
        before, after = empty.costs[step], full.costs[step]
        wall = statistics.median(before.wall), statistics.median(after.wall)
        cpu, database = statistics.median(after.cpu), statistics.median(after.database)
        ratio = wall[1] / wall[0]
        print(f"  {step:26} {wall[0]:7.0f} {wall[1]:7.0f} {ratio:6.2f}{cpu:17.0f} {database:9.0f}")


def measure(name: str, full_url: str, empty_url: str, args: argparse.Namespace) -> None:
    """Fill, and measure both databases turn by turn."""
    phones = max(1, args.deliveries // scale_rows.EVENTS_PER_PHONE)
    full = Side(name, full_url, args.deliveries, phones)
    empty = Side(name, empty_url, 0, FEW_PHONES)
    for side in (full, empty):
        side.fill()
    print_sizes(full)
    for turn in range(args.rounds + args.rounds // 10):
        if turn == args.rounds // 10:  # the first ones only warm up
            for side in (full, empty):
                side.costs.clear()
                side.tidy()
        for side in (full, empty) if turn % 2 else (empty, full):
            side.round(args.rows)
    print_costs(empty, full, args.rows)
    for side in (full, empty):
        side.engine.dispose()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="What the hot paths cost beside many rows.")
    parser.add_argument("urls", nargs="*", metavar="FULL EMPTY")
    parser.add_argument("--deliveries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--rows", type=int, default=16, help="rows in a transaction")
    args = parser.parse_args()
    if len(args.urls) == 2:
        measure(args.urls[0].partition(":")[0], *args.urls, args)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measure("sqlite", *(f"sqlite:///{folder}/{n}.sqlite3" for n in ("full", "empty")), args)
        server = stack.enter_context(servers.postgres())
        full, empty = (stack.enter_context(servers.database(server)) for _ in range(2))
        measure("postgresql", full, empty, args)


if __name__ == "__main__":
    main()
