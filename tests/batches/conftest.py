"""Batches as files, and who hands them in."""

import io

import pytest
from sqlalchemy import select

from smsapp import operators
from smsapp.batches.draft import Draft
from smsapp.batches.handing_in import By
from smsapp.extensions import database_now, db, settings
from smsapp.models import ConsentAction, ConsentSource, Role
from smsapp.phone import phone_key
from smsapp.recipients import consent, phones
from smsapp.recipients.consent import Entry
from smsapp.recipients.customers import Visitor
from smsapp.recipients.purposes import Words
from smsapp.retention import erasure
from tests.conftest import settings_of


def number(n):
    return f"+1202555{n:04}"


def ready(count, first=1):
    """Return a CSV of orders to be collected, each of somebody else."""
    rows = (
        f"{number(n)},{n},Hill Street 1,2026-06-02T09:00:00Z\n" for n in range(first, first + count)
    )
    return "phone,orderId,place,consentAt\n" + "".join(rows)


def draft(name="june", kind="order_ready", **more):
    return Draft(name=name, kind=kind, **more)


def as_file(content):
    return io.BytesIO(content if isinstance(content, bytes) else content.encode())


def by_command():
    return By()


def kept(table, *order):
    """Return all rows of a table."""
    with db.engine.connect() as conn:
        return conn.execute(select(table.__table__).order_by(*order)).all()


@pytest.fixture
def in_app(app):
    """The app's own context, at whatever hour: orders to be collected wait for morning."""
    with app.app_context(), settings_of(app, QUIET_HOURS="none"):
        yield app


@pytest.fixture
def agreed(in_app):
    """Let a number agree to something, by the ledger."""

    def agree(e164, purpose):
        key = phone_key(e164, settings().phone_key_bytes)
        entry = Entry(purpose, ConsentAction.GRANTED, ConsentSource.PAGE, Words("1", "I agree."))
        with db.engine.begin() as conn:
            phones.remember_and_lock(conn, {key: e164})
            now = database_now(conn)
            consent.append(conn, settings().ledger_key, [(key, entry)], {key: []}, now)

    return agree


def erase(e164):
    """Erase the person of a number."""
    erasure.erase(Visitor(phone_key(e164, settings().phone_key_bytes), verify_sid=None))


@pytest.fixture
def make_operator(in_app, cheap_hashes):
    def make(name):
        operators.create(name, Role.OPERATOR, "correct horse battery staple")
        found = next(each for each in operators.list_all() if each.name == name)
        return By(name, operator_id=found.id)

    return make
