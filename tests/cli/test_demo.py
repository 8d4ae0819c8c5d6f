"""`flask demo`: a month of a shop's life, for the sandbox alone and once."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from smsapp.extensions import reading, settings
from smsapp.models import Consent, Delivery, Inbound, OptOut
from smsapp.recipients import consent
from smsapp.watch import overview, roll_up
from tests.conftest import settings_of

SANDBOX = {"TWILIO_BASE_URL": "http://127.0.0.1:8001"}


@pytest.fixture
def demo(app):
    def run(**environment):
        with settings_of(app, **environment):
            return app.test_cli_runner().invoke(args=["demo"])

    return run


def test_it_is_a_month_with_all_that_a_shop_meets(app, demo, rows):
    done = demo(**SANDBOX)
    assert done.exit_code == 0, done.output
    deliveries = rows.all(Delivery)
    assert 2_000 < len(deliveries) < 4_000
    assert {"delivered", "undelivered", "failed", "suppressed"} < {row.state for row in deliveries}
    assert len({row.kind for row in deliveries}) == 6
    month_ago = datetime.now(UTC) - timedelta(days=31)
    assert all(month_ago < row.created_at < datetime.now(UTC) for row in deliveries)
    assert Counter(row.keyword for row in rows.all(Inbound))["stop"] == len(rows.all(OptOut)) == 10


def test_its_ledger_is_whole_and_its_hours_can_be_counted(app, demo, rows):
    demo(**SANDBOX)
    with app.app_context():
        with reading(snapshot=True) as conn:
            assert list(consent.faults(conn, settings().ledger_key)) == []
        roll_up.run(60)
        shown = overview.show("month")
    assert len(rows.all(Consent)) > 800
    assert shown.total.delivered > 2_000
    assert not shown.is_partial


def test_it_is_refused_beside_real_customers_and_away_from_the_sandbox(demo):
    assert "sandbox alone" in demo(TWILIO_BASE_URL="https://api.twilio.com").output
    assert "sandbox alone" in demo(TWILIO_BASE_URL="").output
    demo(**SANDBOX)
    assert "customers here already" in demo(**SANDBOX).output
