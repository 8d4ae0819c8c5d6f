"""Whatever changes, wherever in the code: the database notes what callers are to be told."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text, update

from smsapp.extensions import db, new_id
from smsapp.models import (
    AppointmentEvent,
    Consent,
    Delivery,
    DeliveryState,
    Inbound,
    Incident,
    OnCallPerson,
    OptOut,
    Phone,
    Webhook,
    WebhookState,
    Wording,
)
from smsapp.webhooks import endpoints
from smsapp.webhooks.types import TYPES
from tests.conftest import delivery_row, sid

KEY = "a" * 64
# On its way; whoever waits for it has nothing to do yet.
NOT_TOLD = {DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.UNKNOWN}
TRIGGERS = {
    "webhook_delivery_new",
    "webhook_delivery",
    "webhook_appointment",
    "webhook_consent",
    "webhook_opt_out",
    "webhook_opt_in",
    "webhook_inbound",
    "webhook_incident",
}


@pytest.fixture
def conn(app, now):
    """A connection to a database with one person in it; nothing of it is kept."""
    with app.app_context(), db.engine.connect() as conn, conn.begin() as transaction:
        phone = {"phone_key": KEY, "e164": None, "country": "GB", "created_at": now}
        conn.execute(insert(Phone).values(phone))
        yield conn
        transaction.rollback()


@pytest.fixture
def told(conn):
    """Return (type, reason) of what was noted since it was last asked."""
    seen = set()

    def read():
        rows = conn.execute(select(Webhook.__table__).order_by(Webhook.id)).all()
        new = [(row.type, row.reason) for row in rows if row.id not in seen]
        seen.update(row.id for row in rows)
        return new

    return read


def state(wanted, now):
    """Return the columns of a delivery in a state."""
    sending, pending = wanted is DeliveryState.SENDING, wanted is DeliveryState.PENDING
    return {
        "state": wanted,
        "due_at": now if pending else None,
        "lease_token": new_id() if sending else None,
        "lease_until": now if sending else None,
    }


def test_each_is_there_after_every_migration(conn):
    """SQLite forgets the triggers of a table that a migration makes anew."""
    names = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }[conn.dialect.name]
    assert set(conn.scalars(text(names))) >= TRIGGERS


@pytest.mark.parametrize("how", ["insert", "update"])
def test_every_state_is_told_or_is_one_on_the_way(endpoint, conn, told, now, how):
    found = set()
    for wanted in DeliveryState:
        first = wanted if how == "insert" else DeliveryState.SENDING
        row = delivery_row(now, phone_key=KEY, **state(first, now))
        conn.execute(insert(Delivery).values(row))
        told() if how == "update" else None
        change = update(Delivery).where(Delivery.id == row["id"])
        if how == "update":
            conn.execute(change.values(state(wanted, now)))
        new = told()
        assert len(new) == (wanted not in NOT_TOLD), wanted
        found |= {name for name, _ in new}
        conn.execute(change.values(state(wanted, now) | {"body": ""}))  # the same state is no news
        assert told() == []
    assert found == {name for name in TYPES if name.startswith("delivery.")}


def test_it_is_noted_with_what_is_lost_later(endpoint, conn, now):
    row = delivery_row(now, phone_key=KEY, state="failed", reason="rejected", error_code=30006)
    conn.execute(insert(Delivery).values(row))
    (noted,) = conn.execute(select(Webhook.__table__)).all()
    assert (noted.record, noted.reason, noted.error_code) == (row["id"].hex, "rejected", 30006)
    assert noted.occurred_at == noted.due_at == now
    assert (noted.state, noted.tries) == (WebhookState.PENDING, 0)


def test_opt_outs_and_their_end_are_told(endpoint, conn, told, now):
    conn.execute(insert(OptOut).values(phone_key=KEY, source="text", created_at=now))
    conn.execute(update(OptOut).values(lifted_at=now))
    conn.execute(update(OptOut).values(lifted_at=now + timedelta(1)))
    assert told() == [("recipient.opted_out", "text"), ("recipient.opted_in", None)]


def test_what_people_say_themselves_is_told_and_not_what_services_say(endpoint, conn, told, now):
    conn.execute(insert(Wording).values(hash="c" * 64, text="I agree."))
    row = {
        "phone_key": KEY,
        "purpose": "order_updates",
        "wording_version": "1",
        "wording_hash": "c" * 64,
        "at": now,
        "since": now,
        "mac": "d" * 64,
    }
    for seq, changes in enumerate(
        (
            {"action": "granted", "source": "page"},
            {"action": "withdrawn", "source": "page"},
            {"action": "granted", "source": "api"},
            {"action": "granted", "source": "page", "since": now - timedelta(days=1)},
        ),
        start=1,
    ):
        conn.execute(insert(Consent).values(row | {"seq": seq} | changes))
    assert told() == [("recipient.consented", "page"), ("recipient.withdrew", "page")]


def test_messages_and_confirmed_appointments_are_told(endpoint, conn, told, now):
    conn.execute(insert(Inbound).values(sid=sid(1), phone_key=KEY, body="hello", received_at=now))
    delivery = delivery_row(now, phone_key=KEY, **state(DeliveryState.SENDING, now))
    conn.execute(insert(Delivery).values(delivery))
    conn.execute(insert(AppointmentEvent).values(delivery_id=delivery["id"]))
    conn.execute(update(AppointmentEvent).values(confirmed_at=now))
    assert [name for name, _ in told()] == ["message.received", "appointment.confirmed"]


def test_an_endpoint_hears_what_it_asked_for_while_it_is_enabled(app, make_endpoint, now):
    make_endpoint("https://a.example/", "sent", ["delivery.sent", "message.received"])
    make_endpoint("https://b.example/", "all")
    off, _ = make_endpoint("https://c.example/", "off")
    with app.app_context():
        endpoints.disable(off)
    with app.app_context(), db.engine.begin() as write:
        phone = {"phone_key": KEY, "e164": None, "country": "GB", "created_at": now}
        write.execute(insert(Phone).values(phone))
        write.execute(insert(Delivery).values(delivery_row(now, phone_key=KEY)))
        write.execute(update(Delivery).values(state="delivered"))
        rows = write.execute(select(Webhook.type)).scalars().all()
    assert sorted(rows) == ["delivery.delivered", "delivery.sent", "delivery.sent"]


@pytest.mark.parametrize("is_test", [False, True])
def test_who_takes_an_incident_is_told_once_and_of_a_test_page_nobody(
    endpoint, conn, told, now, is_test
):
    person = {"name": "Ann", "phone_key": KEY, "added_at": now}
    ann = conn.execute(insert(OnCallPerson).values(person).returning(OnCallPerson.id)).scalar_one()
    incident = {
        "id": new_id(),
        "incident_key": "db",
        "title": "The database is full",
        "severity": "critical",
        "events": 1,
        "state": "open",
        "opened_at": now,
        "seen_at": now,
        "round": 0,
        "step": 0,
        "stepped_at": now,
        "test_of": ann if is_test else None,
    }
    conn.execute(insert(Incident).values(incident))
    taken = {"acknowledged_at": now, "acknowledged_by": "Ann", "acknowledged_via": "reply"}
    conn.execute(update(Incident).values(taken | {"state": "acknowledged"}))
    conn.execute(update(Incident).values(acknowledged_at=now + timedelta(1)))
    assert told() == ([] if is_test else [("incident.acknowledged", "reply")])
    rows = conn.execute(select(Webhook.__table__)).all()
    said = TYPES["incident.acknowledged"].read(conn, rows)
    whose = [(data["incidentKey"], data["acknowledgedBy"], data["via"]) for data in said.values()]
    assert whose == ([] if is_test else [("db", "Ann", "reply")])
