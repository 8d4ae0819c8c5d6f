"""While another program holds the database's lock, only who has to write is told to come back."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from smsapp import sqlite
from smsapp.api_keys import _remembered
from smsapp.extensions import database_now, db
from smsapp.models import ApiKey, OperatorSession, Phone
from tests.conftest import app_at, change, locked, on_one_database, shipment


@pytest.fixture
def brief(monkeypatch):
    """Nobody waits for long."""
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.02)


@on_one_database
def test_while_it_is_held_events_are_refused_and_whatever_only_reads_answers(
    app, client, shop, twilio, brief
):
    assert shop.ships().status_code == 202
    _remembered.clear()  # so that the key's use is to be noted again, were that possible
    change(app, ApiKey, last_used_at=None)
    with locked(app):
        refused = shop.ships("order-1002-shipped")
        assert (refused.status_code, refused.json["error"]) == (503, "database_unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        assert client.get("/").status_code == 200
        asked = shop.get("/api/deliveries?eventId=order-1001-shipped")
        assert asked.json["status"] == "sent"
    assert shop.ships("order-1002-shipped").status_code == 202


@on_one_database
def test_while_it_is_held_the_console_goes_on(app, operator, brief):
    with app.app_context(), db.engine.begin() as conn:
        earlier = database_now(conn) - timedelta(minutes=5)
        conn.execute(update(OperatorSession).values(seen_at=earlier))
    with locked(app):
        assert operator.sees("/console/").status_code == 200


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_on_postgresql_too_who_waits_for_a_lock_is_told_in_time(
    app, shop, twilio, database_url, monkeypatch
):
    assert shop.ships().status_code == 202
    monkeypatch.setattr("smsapp.app.LOCK_SECONDS", 0.1)
    with app.app_context(), db.engine.begin() as other, app_at(database_url) as patient:
        other.execute(select(Phone).with_for_update())
        key = {"Authorization": f"Bearer {shop.key}"}
        body = shipment("order-1002-shipped")
        answer = patient.test_client().post("/api/order-shipped-sms", json=body, headers=key)
    assert (answer.status_code, answer.json["error"]) == (503, "database_unavailable")
