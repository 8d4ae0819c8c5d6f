"""The console with a million deliveries, on a real PostgreSQL.

    python -m benchmarks.console [DELIVERIES]

It fills a month, asks everything that a page of the console asks, and prints the median of each
query. It fails where one takes longer than 50 ms at the median, or where the plan of one reads
the whole of `delivery`, `attempt` or `receipt`.
"""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask_migrate import upgrade
from sqlalchemy import event, text

from smsapp.events import kinds
from smsapp.extensions import db, reading, settings
from smsapp.phone import phone_key
from smsapp.trace import listing, search, timeline
from smsapp.watch import alarms, gauges, overview, roll_up
from tests import servers
from tests.conftest import make_app

ROUNDS = 15
MAX_MS = 50.0
TABLES = ("delivery", "attempt", "receipt")
PHONES = 200_000
BATCH = 250_000

# Four in thirty to the first, and so on.
_NAMES = "US US US US GB GB DE FR ES IT NL BE AT CH SE NO DK FI PL PT IE CZ GR HU RO BG HR AU NZ JP"
COUNTRIES = _NAMES.split()

# A version-7 id is its milliseconds and chance; the chance here comes from the row's number.
ID = """(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
         || substr(md5('{salt}' || n), 1, 3) || '8' || substr(md5('{salt}' || n), 4, 15))::uuid"""
ROWS = f"""
    SELECT n, at, {ID.format(salt="d")} AS id, {ID.format(salt="a")} AS attempt_id,
        'SM' || md5('s' || n) AS sid,
        lpad(((n::bigint * 7919) % :phones)::text, 7, '0') AS phone,
        CASE WHEN n % 1000 < 940 THEN 'delivered' WHEN n % 1000 < 965 THEN 'undelivered'
             WHEN n % 1000 < 980 THEN 'failed' WHEN n % 1000 < 990 THEN 'suppressed'
             WHEN n % 10000 = 9999 AND n > :all - 500000 THEN 'unknown'
             ELSE 'sent' END AS state,
        (ARRAY[30003, 30005, 30006, 30007, 30008, 21211, 21614, 30034])[1 + n / 7 % 8] AS code
    FROM (SELECT n, now() - interval '30 days' * (1 - n::float8 / :all) AS at
          FROM generate_series(:start, :end - 1) n) numbered
"""
FILL = f"""
    CREATE TEMP TABLE filling ON COMMIT DROP AS {ROWS};
    INSERT INTO delivery (id, kind, event_id, content_hash, phone_key, purpose, subject,
        order_id, body, consent_at, state, state_at, reason, error_code, tries, undelivered,
        expires_at, last_attempt_at, check_at, created_at)
    SELECT id, 'order_shipped', 'order-' || n || '-shipped', md5('c' || n) || md5('h' || n),
        phones.key, 'order_updates', n::text, n::text, 'Your order ' || n || ' has shipped.',
        at, state, at + interval '4 seconds',
        CASE state WHEN 'suppressed' THEN 'opted_out' WHEN 'failed' THEN 'rejected' END,
        CASE WHEN state IN ('failed', 'undelivered') THEN code END,
        1, 0, at + interval '2 days', CASE WHEN state <> 'suppressed' THEN at END,
        CASE WHEN state IN ('sent', 'unknown') THEN at + interval '1 hour' END, at
    FROM filling JOIN phones USING (phone);
    INSERT INTO attempt (id, delivery_id, number, source, state, sid, error_code, outcome,
        trouble, segments, started_at, settled_at)
    SELECT attempt_id, id, 1, 'request', state, CASE WHEN state <> 'unknown' THEN sid END,
        CASE WHEN state IN ('failed', 'undelivered') THEN code END,
        CASE state WHEN 'unknown' THEN 'unknown' ELSE 'accepted' END,
        CASE state WHEN 'unknown' THEN 'timeout' END, 1, at, at + interval '100 ms'
    FROM filling WHERE state <> 'suppressed';
    INSERT INTO receipt (attempt_id, status, error_code, received_at)
    SELECT attempt_id, 'sent', 0, at + interval '1 second'
    FROM filling WHERE state NOT IN ('suppressed', 'unknown')
    UNION ALL
    SELECT attempt_id, state, CASE state WHEN 'delivered' THEN 0 ELSE code END,
        at + interval '4 seconds'
    FROM filling WHERE state IN ('delivered', 'undelivered', 'failed')
"""


def main() -> int:
    """Fill, ask and print; return 1 where something is too slow."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with servers.postgres() as server, servers.database(server) as url:
        app = make_app(DATABASE_URL=url)
        with app.app_context():
            upgrade()
            timed("filled", lambda: fill(count))
            timed("counted for the first time", lambda: roll_up.run(600))
            timed("counted again", lambda: roll_up.run(600))
            faults = measure(count)
            db.engine.dispose()
    print("\n".join(faults) or f"No query over {MAX_MS:g} ms, and none that reads a table whole.")
    return 1 if faults else 0


def timed(what: str, work: Callable[[], object]) -> None:
    """Do some work and say how long it took."""
    began = time.perf_counter()
    work()
    print(f"{what} in {time.perf_counter() - began:.1f} s", flush=True)


def number(index: int) -> str:
    """Return the so-manieth customer's number."""
    return f"+1415{index:07d}"


def fill(count: int) -> None:
    """Write a month of texts."""
    key = settings().phone_key_bytes
    rows = [
        (phone_key(number(n), key), number(n), COUNTRIES[n % len(COUNTRIES)]) for n in range(PHONES)
    ]
    with db.engine.begin() as conn:
        conn.execute(text("SET LOCAL statement_timeout = 0"))
        driver: Any = conn.connection.driver_connection
        with driver.cursor().copy(
            "COPY phone (phone_key, e164, country, created_at) FROM STDIN"
        ) as copy:
            for row in rows:
                copy.write_row((*row, "2026-01-01T00:00:00Z"))
        numbers = "SELECT phone_key AS key, substr(e164, 6) AS phone FROM phone"
        conn.execute(text(f"CREATE TABLE phones AS {numbers}"))
    for start in range(0, count, BATCH):
        end = min(count, start + BATCH)
        with db.engine.begin() as conn:
            # They are right by the way they are made.
            conn.execute(text("SET LOCAL session_replication_role = replica"))
            conn.execute(text("SET LOCAL statement_timeout = 0"))
            values = {"start": start, "end": end, "all": count, "phones": PHONES}
            for statement in FILL.split(";"):
                used = {name: value for name, value in values.items() if f":{name}" in statement}
                conn.execute(text(statement), used)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("SET statement_timeout = 0"))
        conn.execute(text("DROP TABLE phones"))
        conn.execute(text("VACUUM ANALYZE"))


def measure(count: int) -> list[str]:
    """Ask what the pages ask, print the medians, and return what is wrong."""
    with db.engine.connect() as conn:
        row = conn.execute(
            text(
                "SELECT d.id, d.event_id, d.subject, d.phone_key, p.e164, a.sid FROM delivery d"
                " JOIN phone p USING (phone_key) JOIN attempt a ON a.delivery_id = d.id"
                " WHERE d.subject = :order"
            ),
            {"order": str(count // 2 - count // 2 % 1000)},
        ).one()
    questions: dict[str, Callable[[], object]] = {
        "search: Message SID": lambda: found(row.sid),
        "search: delivery id": lambda: found(str(row.id)),
        "search: event id": lambda: found(row.event_id),
        "search: order id": lambda: found(row.subject),
        "search: phone number": lambda: found(row.e164),
        "search: nothing": lambda: search.find("order-0-never-was", kinds.KINDS),
        "a delivery's page": lambda: timeline.of_delivery(row.id),
        "a number's texts": lambda: listed(listing.of_phone, row.phone_key, None),
        "the inbox": lambda: listed(listing.inbox, None),
        "overview: a day": lambda: overview.show("day"),
        "overview: a week": lambda: overview.show("week"),
        "overview: a month": lambda: overview.show("month"),
        "metrics of the database": gauges.read_waiting,
        "alarms": alarms.evaluate,
    }
    faults = []
    for name, ask in questions.items():
        with listening() as heard:
            spent = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                ask()
                spent.append(1000 * (time.perf_counter() - began))
        slowest = max(statistics.median(times) for times, _ in heard.values())
        print(
            f"{name:26} {statistics.median(spent):7.1f} ms   "
            f"its slowest of {len(heard)} queries {slowest:6.1f} ms"
        )
        for statement, (times, parameters) in heard.items():
            brief = " ".join(statement.split())[:160]
            if statistics.median(times) > MAX_MS:
                faults.append(f"{name}: {statistics.median(times):.1f} ms: {brief}")
            if statement.startswith(("SELECT", "WITH")):
                faults += [
                    f"{name}: reads all of {table}: {brief}"
                    for table in TABLES
                    if f"Seq Scan on {table}" in plan(statement, parameters)
                ]
    return faults


def found(pasted: str) -> None:
    """Search, and be sure that something was found: what finds nothing is quick at any size."""
    result = search.find(pasted, kinds.KINDS)
    if not (result.deliveries or result.orders or result.phone_keys):
        raise LookupError(pasted)


def listed(query: Callable[..., Any], *arguments: object) -> None:
    """Fetch a page of a list."""
    with reading() as conn:
        query(conn, *arguments)


Heard = dict[str, tuple[list[float], Any]]


@contextmanager
def listening() -> Iterator[Heard]:
    """Note each statement that runs, how long it took each time, and its last parameters."""
    heard: Heard = defaultdict(lambda: ([], None))
    began: dict[int, float] = {}

    def before(
        _conn: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool
    ) -> None:
        began[id(context)] = time.perf_counter()

    def after(_conn: Any, _cursor: Any, sql: str, values: Any, context: Any, _many: bool) -> None:
        times, _ = heard[sql]
        times.append(1000 * (time.perf_counter() - began.pop(id(context))))
        heard[sql] = (times, values)

    event.listen(db.engine, "before_cursor_execute", before)
    event.listen(db.engine, "after_cursor_execute", after)
    try:
        yield heard
    finally:
        event.remove(db.engine, "before_cursor_execute", before)
        event.remove(db.engine, "after_cursor_execute", after)


def plan(statement: str, parameters: Any) -> str:
    """Return how PostgreSQL would run a statement."""
    with db.engine.connect() as conn:
        rows = conn.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
        return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
