"""One person is erased everywhere, and what they left behind cannot text anybody."""

from datetime import timedelta

import pytest
from sqlalchemy import inspect, text, update

from smsapp import clock
from smsapp.extensions import db
from smsapp.inbound import messages
from smsapp.inbound.messages import Text
from smsapp.models import Attempt, BodyAtTwilio, Consent, Delivery, Inbound, OptOut, Phone
from smsapp.providers.outcomes import Unknown
from smsapp.recipients import customers, phones
from smsapp.recipients.customers import Visitor
from smsapp.retention import bodies
from tests.conftest import (
    ALICE,
    BOB,
    KEY,
    erase,
    make_due,
    report,
    run_worker,
    settings_of,
    shipment,
    sid,
)

WORDS = "Where is my parcel?"
ADDRESS, BROWSER = "203.0.113.7", "A very private browser"


@pytest.fixture
def alice(app, shop, twilio):
    """A person of whom we know all that we ever do."""
    shop.ships(
        trackingUrl="https://example.com/track/private", metadata={"cart": "of a bride-to-be"}
    )
    with app.app_context():
        customers.agree(Visitor(KEY, "VE" + "1" * 32, ADDRESS, BROWSER), ["support"])
        messages.receive(Text(sid(4000), ALICE, WORDS, None))
        messages.receive(Text(sid(4001), ALICE, "STOP", None))
        messages.receive(Text(sid(4002), BOB, WORDS, None))


def comes_back(app):
    with app.app_context():
        with db.engine.begin() as conn:
            phones.remember_again(conn, KEY, ALICE)
        customers.agree(Visitor(KEY, None), ["order_updates"])


def everything(app):
    """Return every value in every table, as text."""
    with app.app_context(), db.engine.connect() as conn:
        return [
            str(value)
            for table in inspect(conn).get_table_names()
            for row in conn.execute(text(f"SELECT * FROM {table}"))
            for value in row
        ]


def test_nothing_is_left_in_any_table(app, shop, alice):
    visit = {"appointmentId": "A-7", "startsAt": "2082-12-04T14:00:00Z", "place": "private clinic"}
    shop.post("/api/events/appointment_booked", json=shipment("visit-A-7-booked", **visit))
    hers = update(Phone).where(Phone.phone_key == KEY)
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(hers.values(email="ann@shop.example", email_to_confirm="own@shop.example"))
    private = (ALICE, "private", ADDRESS, BROWSER, "has shipped", "bride-to-be", "@shop.example")
    assert all(any(word in value for value in everything(app)) for word in private)
    erase(app)
    assert [word for word in private for value in everything(app) if word in value] == []


def test_what_counts_and_what_holds_and_everybody_else_stays(app, alice, shop, rows, run):
    shop.ships("order-2001-shipped", orderId="2001", phone=BOB)
    before = len(rows.all(Consent))
    erase(app)
    assert len(rows.all(Consent)) > before
    assert run("consent", "verify").stdout == "The ledger is whole.\n"
    assert {row.phone_key == KEY: bool(row.body) for row in rows.all(Delivery)} == {
        True: False,
        False: True,
    }
    assert {row.e164 for row in rows.all(Phone)} == {None, BOB}
    assert len(rows.all(Inbound)) == 3
    assert rows.one(OptOut).lifted_at is None
    bobs = next(row for row in rows.all(Inbound) if row.phone_key != KEY)
    assert (bobs.body, bobs.blanked_at) == (WORDS, None)


def test_their_sessions_end(app, alice):
    began = clock.now()
    with app.app_context():
        assert customers.number_in_session(KEY, began) == ALICE
    erase(app)
    comes_back(app)
    with app.app_context():
        assert customers.number_in_session(KEY, began) is None
        assert customers.number_in_session(KEY, clock.now() + timedelta(seconds=1)) == ALICE


def test_where_asked_for_they_are_blanked_at_twilio_too(app, alice, rows):
    with settings_of(app, BLANK_BODIES_AT_TWILIO="true"):
        erase(app)
        erase(app)
    owed = {row.sid for row in rows.all(BodyAtTwilio)}
    assert owed == {rows.attempts[0].sid, sid(4000), sid(4001)}


def test_what_was_in_the_air_is_blanked_at_twilio_later(app, shop, twilio, rows, pass_days):
    twilio.answers.append(Unknown("timeout", None, None))
    with settings_of(app, BLANK_BODIES_AT_TWILIO="true"):
        shop.ships()
        erase(app)
        assert (rows.delivery.body, rows.all(BodyAtTwilio)) == ("", [])
        report(app, rows.attempts[0].id, sid(1), "delivered", 0)
        pass_days(31)
        with app.app_context():
            bodies.blank(bodies.TO_CUSTOMERS)
        assert rows.one(BodyAtTwilio).sid == sid(1)


def test_else_twilio_is_left_alone(app, alice, rows):
    erase(app)
    assert rows.all(BodyAtTwilio) == []


def test_a_text_that_waits_is_not_sent(app, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    erase(app)
    assert (rows.delivery.state, rows.delivery.body) == ("suppressed", "")


def late_receipt(app, rows):
    report(app, rows.attempts[0].id, sid(1), "undelivered", 30003)


def certainly_absent(app, rows):
    with app.app_context(), db.engine.begin() as conn:
        values = {"state": "pending", "due_at": clock.now(), "check_at": None}
        conn.execute(update(Delivery).values(values))


@pytest.mark.parametrize("what", [late_receipt, certainly_absent])
def test_who_comes_back_gets_no_empty_text(app, shop, twilio, rows, what):
    """What was in the air at the erasure comes back to be sent again, and has no words."""
    if what is certainly_absent:
        twilio.answers.append(Unknown("timeout", None, None))
    shop.ships()
    erase(app)
    comes_back(app)
    what(app, rows)
    assert rows.delivery.state == "pending"
    make_due(app)
    run_worker(app)
    assert rows.delivery.state == "expired"
    assert len(rows.all(Attempt)) == len(twilio.calls) == 1


def test_the_command_says_what_happens_at_twilio(app, alice, run, rows):
    with settings_of(app, BLANK_BODIES_AT_TWILIO="true"):
        said = run("erase", ALICE)
    assert said.exit_code == 0
    assert "blanked at Twilio" in said.output
    assert ALICE not in said.output
    assert {row.e164 for row in rows.all(Phone)} == {None, BOB}
