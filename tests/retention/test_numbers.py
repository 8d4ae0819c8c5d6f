"""Numbers nobody uses are forgotten; what holds against them is not, and they may come back."""

import threading

import pytest
from sqlalchemy import insert, select, text, update

from smsapp import clock
from smsapp.extensions import db, new_id
from smsapp.models import (
    ConsentEvidence,
    Delivery,
    DeliveryState,
    OptOut,
    Phone,
    Verification,
)
from smsapp.recipients import customers, phones
from smsapp.recipients.customers import Visitor
from smsapp.retention import erasure, numbers
from tests.conftest import (
    ALICE,
    KEY,
    change,
    erase,
    opt_out,
    run_until_settled,
    settings_of,
    sid,
    text_in,
)

YEARS = 731


def look(app):
    with app.app_context():
        return numbers.forget_unused()


def known(app):
    with app.app_context(), db.engine.begin() as conn:
        phones.remember(conn, {KEY: ALICE}, clock.now())


def texts(app, body="Hello"):
    text_in(app, sid(2000), ALICE, body)


def test_a_number_nobody_used_is_forgotten(app, rows, pass_days):
    known(app)
    change(app, Phone, email="ann@example.com", email_at=clock.now(), email_is_own=True)
    pass_days(729)
    assert look(app) == 0
    assert rows.one(Phone).email
    pass_days(2)
    assert look(app) == 1
    phone = rows.one(Phone)
    assert (phone.email, phone.email_at, phone.email_is_own) == (None, None, False)
    assert (phone.e164, phone.forgotten_at is not None, phone.erased_at) == (None, True, None)
    assert (phone.phone_key, phone.country) == (KEY, "US")
    assert look(app) == 0


def delivered(app, shop):
    shop.ships()


def wrote(app, shop):
    texts(app)


def asked_for_a_code(app, shop):
    with app.app_context(), db.engine.begin() as conn:
        row = {"id": new_id(), "phone_key": KEY, "prefix": "+1202555", "channel": "sms"}
        conn.execute(insert(Verification).values(row | {"checks": 0, "started_at": clock.now()}))


def agreed(app, shop):
    with app.app_context():
        customers.agree(Visitor(KEY, None, "203.0.113.7", "Browser"), ["support"])


def signed_in(app, shop):
    change(app, Phone, verified_at=clock.now())


@pytest.mark.parametrize("use", [delivered, wrote, asked_for_a_code, agreed, signed_in])
def test_every_use_keeps_a_number(app, shop, twilio, rows, pass_days, use):
    known(app)
    pass_days(YEARS)
    use(app, shop)
    assert look(app) == 1
    assert rows.one(Phone).e164 == ALICE
    assert look(app) == 0, "it is looked at once, and then not for two years"


def test_the_time_is_a_setting(app, rows, pass_days):
    known(app)
    pass_days(10)
    with settings_of(app, PHONE_RETENTION_DAYS="11"):
        assert look(app) == 0
    with settings_of(app, PHONE_RETENTION_DAYS="9"):
        assert look(app) == 1
    assert rows.one(Phone).e164 is None


@pytest.mark.parametrize("state", ["pending", "sending", "unknown"])
def test_a_number_with_a_text_on_its_way_is_kept(app, shop, twilio, rows, pass_days, state):
    shop.ships(prefer="respond-async")
    extra = {
        "pending": "due_at = created_at",
        "sending": f"due_at = NULL, lease_token = '{new_id().hex}', lease_until = created_at",
        "unknown": "due_at = NULL, check_at = created_at",
    }[state]
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(text(f"UPDATE delivery SET state = '{state}', {extra}"))
    pass_days(YEARS)
    assert look(app) == 1
    assert rows.one(Phone).e164 == ALICE
    assert look(app) == 0, "nor is it looked at for ever"


def test_no_forgotten_number_ever_has_a_text_waiting(app, shop, twilio, rows, pass_days):
    """Events come in while numbers are forgotten: either way each text goes out, once."""
    known(app)
    for number in range(12):
        pass_days(YEARS)
        start = threading.Barrier(2)

        def forget(start=start):
            start.wait()
            look(app)

        thread = threading.Thread(target=forget)
        thread.start()
        start.wait()
        answer = shop.ships(f"order-{number}-shipped", prefer="respond-async")
        thread.join()
        assert answer.status_code == 202
        assert rows.one(Phone).e164 == ALICE
        run_until_settled(app)
        assert [row.state for row in rows.all(Delivery)] == [DeliveryState.SENT] * (number + 1)
        with app.app_context(), db.engine.begin() as conn:
            conn.execute(update(Delivery).values(state="delivered", check_at=None))
            conn.execute(update(Delivery).values(state="sent"))


def forgotten(app, pass_days):
    pass_days(YEARS)
    assert look(app) == 1


def test_an_event_makes_a_forgotten_number_known_again(app, shop, twilio, rows, pass_days):
    known(app)
    forgotten(app, pass_days)
    assert shop.ships().json["accepted"] is True
    phone = rows.one(Phone)
    assert (phone.e164, phone.forgotten_at) == (ALICE, None)
    assert [call["to"] for call in twilio.calls] == [ALICE]


def test_a_text_from_it_makes_a_forgotten_number_known_again(app, rows, pass_days):
    known(app)
    forgotten(app, pass_days)
    texts(app)
    assert rows.one(Phone).e164 == ALICE


def test_an_opt_out_outlives_the_number(app, shop, twilio, rows, pass_days):
    texts(app, "STOP")
    forgotten(app, pass_days)
    assert rows.one(Phone).e164 is None
    assert rows.one(OptOut).lifted_at is None
    assert shop.ships().json["error"] == "opted_out"
    assert twilio.calls == []


def test_an_operator_can_stop_texts_to_a_forgotten_number(app, shop, twilio, rows, pass_days):
    known(app)
    forgotten(app, pass_days)
    opt_out(app, ALICE)
    assert shop.ships().json["error"] == "opted_out"


def test_the_ledger_outlives_the_number_and_the_evidence_does_not(app, rows, run, monkeypatch):
    known(app)
    agreed(app, None)
    assert len(rows.all(ConsentEvidence)) == 1
    with monkeypatch.context() as later:  # the ledger is signed: it cannot be made older
        later.setattr(numbers, "_cutoff", lambda now: now)
        assert look(app) == 1
    assert rows.one(Phone).e164 is None
    assert rows.all(ConsentEvidence) == []
    assert run("consent", "verify").stdout == "The ledger is whole.\n"


def test_an_erased_person_is_not_brought_back_by_an_event(app, shop, twilio, rows, pass_days):
    known(app)
    erase(app)
    pass_days(YEARS)
    assert look(app) == 0
    assert shop.ships().json["error"] == "consent_withdrawn"
    assert rows.one(Phone).e164 is None
    assert twilio.calls == []


def test_who_was_erased_and_came_back_can_be_forgotten_and_come_back(
    app, shop, twilio, rows, monkeypatch
):
    known(app)
    with app.app_context():
        erasure.erase(Visitor(KEY, None))
        with db.engine.begin() as conn:
            phones.remember_again(conn, KEY, ALICE)
        customers.agree(Visitor(KEY, None), ["order_updates"])
    with monkeypatch.context() as later:
        later.setattr(numbers, "_cutoff", lambda now: now)
        assert look(app) == 1
    assert rows.one(Phone).e164 is None
    assert shop.ships().json["accepted"] is True
    assert [call["to"] for call in twilio.calls] == [ALICE]


def test_numbers_known_before_this_version_are_looked_at(app, rows):
    """Old processes beside us, and the migration, leave used_at as it is by default."""
    with app.app_context(), db.engine.begin() as conn:
        row = {"key": KEY, "number": ALICE, "at": "2026-06-01 00:00:00.000000"}
        conn.execute(
            text(
                "INSERT INTO phone (phone_key, e164, country, created_at)"
                " VALUES (:key, :number, 'US', :at)"
            ),
            row,
        )
    assert rows.one(Phone).used_at.year == 1970
    assert look(app) == 1
    assert (rows.one(Phone).e164, rows.one(Phone).used_at.year) == (ALICE, 2026)


def test_it_is_found_by_an_index(plan_of):
    idle = select(Phone.phone_key).where(Phone.e164.is_not(None), Phone.used_at < clock.now())
    query = idle.order_by(Phone.used_at).limit(200).with_for_update(skip_locked=True)
    assert "phone_idle" in plan_of(query, {})
