"""A list of deliveries costs as much whatever it is asked for, however many there are."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from smsapp.extensions import db
from smsapp.models import DeliveryState
from smsapp.trace import filtering
from smsapp.trace.filtering import Filter
from tests.trace.test_search import crowded

__all__ = ["crowded"]  # a fixture

LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
FILTERS = [
    Filter(),
    Filter(kind="order_shipped"),
    Filter(kind="order_ready"),
    Filter(state=DeliveryState.SENT),
    Filter(state=DeliveryState.PENDING),
    Filter(state=DeliveryState.FAILED, kind="order_shipped"),
    Filter(since=LONG_AGO, until=LATER),
    Filter(state=DeliveryState.EXPIRED, since=LONG_AGO, until=LATER),
    Filter(subject="busy"),
    Filter(subject="order-77", kind="order_ready"),
    Filter(subject="none", since=LONG_AGO, until=LATER),
]


@pytest.fixture
def plans():
    """Ask for a list and for what comes after its page; return how each question is answered."""

    def explain(of, how):
        asked = []

        def note(_conn, _cursor, statement, parameters, *_rest):
            if "FROM delivery" in statement:
                asked.append((statement, parameters))

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            after = filtering.page(of, 20).go_on_after
            if after:
                filtering.page(of, 100, after)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        with db.engine.connect() as conn:
            for statement, parameters in asked:
                rows = conn.exec_driver_sql(f"{how} {statement}", parameters).all()
                yield "\n".join(str(row[-1]) for row in rows)

    return explain


def test_on_postgresql_a_page_reads_a_stretch_of_an_index(crowded, plans):
    for of in FILTERS:
        with crowded.app_context():
            found = list(plans(of, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF)"))
        assert len(found) >= 2
        for plan in found:
            assert "Seq Scan on delivery" not in plan, plan
            assert "Seq Scan on attempt" not in plan, plan
            index = "delivery_subject" if of.subject else "delivery_pkey"
            assert index in plan, plan
            assert most_read(plan) <= filtering.MOST_READ, plan


def most_read(plan):
    """Return how many deliveries a plan looked at: those it passed on, and those it left out."""
    lines = plan.splitlines()
    scan = next(n for n, line in enumerate(lines) if "on delivery" in line)
    passed = float(lines[scan].split("rows=")[1].split()[0])
    left = [line for line in lines[scan : scan + 4] if "Rows Removed by Filter" in line]
    return passed + sum(float(line.split(":")[1]) for line in left)


def test_on_sqlite_a_page_reads_a_stretch_of_an_index(app, shop, twilio, plans):
    if app.extensions["settings"].database_url.startswith("postgresql"):
        pytest.skip("SQLite's own plans")
    shop.ships_many(3)
    with app.app_context():
        for of in FILTERS:
            index = "INDEX delivery_subject (" if of.subject else "sqlite_autoindex_delivery_1 (id"
            for plan in plans(of, "EXPLAIN QUERY PLAN"):
                assert "SCAN delivery" not in plan, plan
                assert index in plan, plan


def test_what_it_reads_is_counted_from_where_it_begins(app, shop, twilio, monkeypatch):
    monkeypatch.setattr(filtering, "MOST_READ", 2)
    shop.ships_many(5)
    of, after, pages = Filter(state=DeliveryState.FAILED), None, 0
    with app.app_context():
        while after or not pages:
            found = filtering.page(of, 20, after)
            after, pages = found.go_on_after, pages + 1
            assert found.rows == []
    assert pages == 3


def test_a_stretch_that_is_empty_ends_at_once(app, shop, twilio):
    shop.ships()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with app.app_context():
        found = filtering.page(Filter(since=yesterday, until=yesterday + timedelta(hours=1)), 20)
    assert (found.rows, found.go_on_after) == ([], None)
