"""What the tests of watching share: months of texts in a moment, and time that passes at once."""

import uuid
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text, update

from smsapp.extensions import db, first_id, new_id
from smsapp.models import Alarm, Attempt, Delivery, Phone, Receipt, Worker
from smsapp.watch import alarms
from tests.conftest import delivery_row

HOUR = timedelta(hours=1)


@pytest.fixture
def worker_is_there(write):
    write(lambda now: Worker.__table__.insert().values(name="one", seen_at=now))


@pytest.fixture
def look(app):
    """Look for what is wrong, as the worker does; return the open alarms by kind."""

    def run():
        with app.app_context():
            alarms.evaluate()
            return {str(alarm.kind): alarm for alarm in alarms.open_alarms()}

    return run


@pytest.fixture
def later(write):
    """Let enough time pass for an alarm that is well to be cleared."""

    def run():
        write(lambda now: update(Alarm).values(raised_at=now - HOUR, seen_at=now - HOUR))

    return run


def id_at(at):
    """Return an id as it would have been made then."""
    return uuid.UUID(int=first_id(at).int | (new_id().int & ((1 << 80) - 1)))


def write_texts(
    app, at, count=1, *, country="US", state="delivered", code=None, kind="order_shipped", **changes
):
    """Write deliveries with an attempt and its receipt each, as if made at a time."""
    key = country.lower().ljust(64, "0")
    deliveries, attempts = [], []
    reason, has_receipt = changes.pop("reason", None), changes.pop("receipt", True)
    channel = changes.setdefault("channel", "sms")
    for n in range(count):
        delivery_id = id_at(at)
        sent = state not in {"pending", "suppressed", "expired", "canceled"}
        deliveries.append(
            delivery_row(
                at,
                id=delivery_id,
                kind=kind,
                phone_key=key,
                channel=channel,
                subject=str(n),
                order_id=str(n),
                state=state,
                reason=reason,
                error_code=code,
                tries=int(sent),
                due_at=at if state == "pending" else None,
                expires_at=at + timedelta(days=2),
            )
        )
        if sent:
            attempts.append(
                {
                    "id": delivery_id,
                    "delivery_id": delivery_id,
                    "number": 1,
                    "source": "request",
                    "state": state,
                    "error_code": code,
                    "outcome": "accepted",
                    "sid": None,
                    "started_at": at,
                }
                | changes
            )
    with app.app_context(), db.engine.begin() as conn:
        known = conn.execute(text("SELECT 1 FROM phone WHERE phone_key = :key"), {"key": key}).all()
        if not known:
            row = {"phone_key": key, "e164": None, "country": country, "created_at": at}
            conn.execute(Phone.__table__.insert(), row)
        conn.execute(Delivery.__table__.insert(), deliveries)
        if attempts:
            conn.execute(Attempt.__table__.insert(), attempts)
        taken = [row for row in attempts if row["outcome"] == "accepted"]
        if taken and has_receipt:
            receipts = [
                {"attempt_id": row["id"], "status": "sent", "error_code": 0, "received_at": at}
                for row in taken
            ]
            conn.execute(Receipt.__table__.insert(), receipts)
    return [row["id"] for row in deliveries]


@pytest.fixture
def texts(app):
    """Write deliveries with an attempt and its receipt each, as if made at a time."""
    return partial(write_texts, app)
