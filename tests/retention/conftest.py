"""Time that passes without waiting."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from smsapp.extensions import db
from smsapp.models import Attempt, Consent, Delivery, Inbound, Phone, Verification
from tests.conftest import make_earlier, past_triggers

TIMES = {
    Delivery: ("created_at", "state_at", "expires_at", "last_attempt_at", "due_at", "check_at"),
    Attempt: ("started_at", "settled_at"),
    Inbound: ("received_at",),
    Verification: ("started_at", "approved_at"),
    Phone: ("created_at", "used_at", "verified_at", "sessions_since"),
    Consent: ("at",),
}


@pytest.fixture
def pass_days(app):
    """Let all that is in the database have happened so many days earlier.

    The consent ledger is no longer whole then.
    """

    def pass_days(days):
        with past_triggers(app) as conn:
            for model, names in TIMES.items():
                make_earlier(conn, model, timedelta(days=days), *names)

    return pass_days


@pytest.fixture
def plan_of(app):
    """Return the plan of a statement with these times; PostgreSQL may not read a whole table."""

    def plan(statement, times):
        with app.app_context(), db.engine.begin() as conn:
            compiled = statement.compile(conn, compile_kwargs={"render_postcompile": True})
            values = {name: times.get(name, value) for name, value in compiled.params.items()}
            if conn.dialect.name == "sqlite":
                known = tuple(str(values[name]) for name in compiled.positiontup or ())
                return str(conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", known).all())
            for scan in ("seqscan", "bitmapscan"):
                conn.execute(text(f"SET LOCAL enable_{scan} = off"))
            return str(conn.exec_driver_sql(f"EXPLAIN {compiled}", values).all())

    return plan
