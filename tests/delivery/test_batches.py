"""What is written for many requests at once: as many as a commit takes, and by indexes alone."""

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from smsapp.delivery import claiming, leases, outbox, receipt_rows
from smsapp.delivery.call_results import CallResult
from smsapp.delivery.group_commit import MAX_ROWS
from smsapp.delivery.receipt_rows import IncomingReceipt
from smsapp.delivery.settle import settle
from smsapp.providers.messages import Sent
from smsapp.recipients import consent, opt_out
from tests.conftest import sid
from tests.delivery.deliveries import new


def go_all_the_way(conn, count):
    """Let so many events be accepted, sent and delivered together; return the last effects."""
    accepted = outbox.accept(conn, [new(number) for number in range(count)])
    claims = [row.claim for row in accepted]
    settle(conn, [CallResult(claim, Sent(sid(n), "queued", 1)) for n, claim in enumerate(claims)])
    return receipt_rows.record(
        conn,
        [
            IncomingReceipt(claim.attempt_id, sid(n), "delivered", 0, retry_waits=())
            for n, claim in enumerate(claims)
        ],
    )


def test_as_many_as_a_commit_takes_go_all_the_way_together(conn):
    recorded = go_all_the_way(conn, MAX_ROWS)
    assert [row.event_id for row in recorded] == [f"event-{n}" for n in range(MAX_ROWS)]
    assert {row.state for row in recorded} == {"delivered"}


def test_what_came_before_is_told_from_what_is_new_in_any_order(conn):
    before = outbox.accept(conn, [new(number) for number in (5, 1)])
    together = outbox.accept(conn, [new(number) for number in (3, 1, 4, 1, 5, 9)])
    assert [row.is_duplicate for row in together] == [False, True, False, True, True, False]
    assert together[4].delivery_id == before[0].delivery_id
    assert together[1].delivery_id == together[3].delivery_id == before[1].delivery_id


def test_every_delivery_claimed_together_gets_its_own_attempt(conn):
    outbox.accept(conn, [new(number, send_now=False) for number in range(5)])
    claims = claiming.claim(conn, 4, leases.rules())
    assert len({claim.event_id for claim in claims}) == 4
    assert {claim.e164[-1] for claim in claims} == {claim.event_id[-1] for claim in claims}
    assert len({claim.attempt_id for claim in claims}) == 4


@contextmanager
def plans_of(conn):
    """Collect SQLite's plan of each statement."""
    plans = []

    def explain(_conn, cursor, statement, parameters, _context, executemany):
        one = parameters[0] if executemany else parameters
        steps = cursor.execute(f"EXPLAIN QUERY PLAN {statement}", one).fetchall()
        plans.append((statement, [detail for *_, detail in steps]))

    event.listen(conn, "before_cursor_execute", explain)
    yield plans
    event.remove(conn, "before_cursor_execute", explain)


@pytest.mark.parametrize("count", [1, 3])
def test_no_statement_of_a_hot_path_reads_a_whole_table(conn, count):
    if conn.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by how large its tables are; benchmarks/scale.py looks")
    with plans_of(conn) as plans:
        go_all_the_way(conn, count)
        outbox.accept(conn, [new(number) for number in range(count)])
        receipt_rows.record(conn, [IncomingReceipt(None, sid(0), "read", 0, retry_waits=())])
        outbox.accept(conn, [new(10 + number, send_now=False) for number in range(count)])
        claiming.claim(conn, count, replace(leases.rules(), lease=timedelta(seconds=-1)))
        assert leases.lapse(conn) == count
        keys = [new(number).phone_key for number in range(count)]
        assert opt_out.in_force(conn, keys) == set()
        assert len(consent.rows_of(conn, keys)) == count
    # Of a table, that is; an empty list is "CONSTANT ROW" and a "(subquery)".
    scans = [plan for plan in plans if any(re.match("SCAN [a-z]", step) for step in plan[1])]
    assert not scans
    assert len(plans) > 20
