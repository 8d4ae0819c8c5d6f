"""Time that passes without waiting."""

from datetime import timedelta

import pytest
from sqlalchemy import text, update

from smsapp.extensions import db
from smsapp.models import Attempt, Consent, Delivery, Inbound, Phone, Verification

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

    Past the triggers that keep the ledger, which is no longer whole then.
    """

    def pass_days(days):
        with app.app_context(), db.engine.begin() as conn:
            triggers = []
            if conn.dialect.name == "sqlite":
                query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
                triggers = conn.execute(text(query)).all()
                for name, _ in triggers:
                    conn.execute(text(f"DROP TRIGGER {name}"))
            else:
                conn.execute(text("SET LOCAL session_replication_role = replica"))
            for model, names in TIMES.items():
                keys = model.__table__.primary_key.columns
                for row in conn.execute(model.__table__.select()).all():
                    earlier = {
                        name: getattr(row, name) - timedelta(days=days)
                        for name in names
                        if getattr(row, name)
                    }
                    same = [key == getattr(row, key.name) for key in keys]
                    conn.execute(update(model.__table__).where(*same).values(earlier))
            for _, create in triggers:
                conn.execute(text(create))

    return pass_days


@pytest.fixture
def run(app):
    return lambda *args: app.test_cli_runner().invoke(args=args)
