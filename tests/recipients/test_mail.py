"""Addresses beside numbers: whose word counts, and who is written to."""

import pytest
from sqlalchemy import update

from smsapp.extensions import database_now, db
from smsapp.models import Consent, Phone
from smsapp.phone import phone_key
from smsapp.recipients import customers, mail, mail_consent, mail_links, phones
from smsapp.recipients.customers import Visitor
from tests.conftest import ALICE, BOB, ENVIRONMENT, KEY, change, erase, opt_out, settings_of

BOBS_KEY = phone_key(BOB, ENVIRONMENT["PHONE_KEY"].encode())
ANN, OWN = "ann@example.com", "own@example.com"
VISITOR = Visitor(KEY, None)
MAIL = {"MAIL_URL": "smtp://127.0.0.1:9", "MAIL_FROM": "orders@shop.example"}


@pytest.fixture
def alice(app):
    """Alice and Bob, who are known."""
    with app.app_context(), db.engine.begin() as conn:
        phones.remember(conn, {KEY: ALICE, BOBS_KEY: BOB}, database_now(conn))


def told(app, **addresses):
    """Let an event bring an address of Alice's."""
    with app.app_context(), db.engine.begin() as conn:
        phones.lock(conn, [KEY])
        mail.remember(conn, addresses or {KEY: ANN}, database_now(conn))


def reached(app):
    with app.app_context(), db.engine.connect() as conn:
        return mail.address_of(conn, [KEY, BOBS_KEY])


def gives_own(app):
    """Let Alice give an address and confirm it."""
    with settings_of(app, **MAIL), app.app_context():
        mail_consent.give(VISITOR, OWN)
        url = mail_links.confirm_url(KEY, OWN, "en")
        return mail_consent.confirm(url.rpartition("/")[2], VISITOR)


def test_who_has_no_address_is_not_reached(app, alice):
    assert reached(app) == {}


def test_an_events_address_counts_until_another_comes(app, alice, rows):
    told(app)
    assert reached(app) == {KEY: ANN}
    told(app, **{KEY: "new@example.com"})
    assert reached(app) == {KEY: "new@example.com"}


def test_the_same_address_again_changes_nothing(app, alice, rows):
    told(app)
    before = rows.all(Phone)
    told(app)
    assert rows.all(Phone) == before


def test_ones_own_address_wins_over_an_events_whichever_came_first(app, alice):
    told(app)
    assert gives_own(app)
    assert reached(app) == {KEY: OWN}
    told(app)
    assert reached(app) == {KEY: OWN}


def test_a_stop_is_a_stop_on_every_channel(app, alice):
    told(app)
    gives_own(app)
    opt_out(app, ALICE)
    assert reached(app) == {}


def test_who_wants_no_mails_gets_none_whatever_events_say(app, alice, rows):
    told(app)
    with app.app_context():
        mail_consent.take_away(VISITOR)
    assert reached(app) == {}
    told(app)
    assert reached(app) == {}
    assert KEY not in {row.phone_key for row in rows.all(Phone) if row.email}
    assert gives_own(app)
    assert reached(app) == {KEY: OWN}


def test_a_withdrawal_counts_even_where_an_address_was_left(app, alice):
    with app.app_context():
        mail_consent.take_away(VISITOR)
    change(app, Phone, email=ANN)
    assert set(reached(app)) == {BOBS_KEY}


def test_after_an_erasure_only_their_own_word_counts(app, alice, rows):
    told(app)
    gives_own(app)
    erase(app)
    told(app)
    (alice,) = [row for row in rows.all(Phone) if row.phone_key == KEY]
    assert (alice.email, alice.email_at, alice.email_to_confirm) == (None, None, None)
    with app.app_context():
        with db.engine.begin() as conn:
            phones.remember_again(conn, KEY, ALICE)
        told(app)
        customers.agree(VISITOR, ["order_updates"])
    assert reached(app) == {}
    assert gives_own(app)
    assert reached(app) == {KEY: OWN}


def test_an_erasure_withdraws_what_was_said_of_mails_and_says_nothing_of_its_own(app, alice, rows):
    erase(app)
    assert "email" not in {row.purpose for row in rows.all(Consent)}
    with app.app_context(), db.engine.begin() as conn:
        phones.remember_again(conn, KEY, ALICE)
    gives_own(app)
    erase(app)
    ledger = sorted(rows.all(Consent), key=lambda row: row.seq)
    said = [row.action for row in ledger if row.purpose == "email"]
    assert said == ["granted", "withdrawn"]


def test_a_link_names_no_address_and_is_good_for_years(app, alice, monkeypatch):
    with settings_of(app, **MAIL), app.app_context():
        url = mail_links.unsubscribe_url(KEY)
    assert url.startswith("https://sms.example.com/mail/unsubscribe/")
    token = url.rpartition("/")[2]
    # A new SECRET_KEY, as may be chosen at any time, leaves it good.
    with settings_of(app, SECRET_KEY="another key, of next year's!!!!!!"), app.app_context():
        assert mail_links.read_unsubscribe(token) == KEY
        for wrong in (token[:-1], f"{token}x", token.swapcase(), "", "é", f"{'A' * 43}.{'B' * 43}"):
            assert mail_links.read_unsubscribe(wrong) is None
            assert mail_links.read_confirm(wrong) is None


def test_a_merged_number_is_unsubscribed_under_its_spelling_of_today(app, alice, rows):
    told(app)
    with app.app_context():
        token = mail_links.unsubscribe_url(BOBS_KEY).rpartition("/")[2]
        with db.engine.begin() as conn:
            merged = update(Phone).where(Phone.phone_key == BOBS_KEY)
            conn.execute(merged.values(e164=None, merged_into=KEY))
        assert mail_consent.unsubscribe(token, Visitor("", None))
    assert reached(app) == {}
    assert {row.phone_key for row in rows.all(Consent)} == {KEY}


def test_a_number_that_we_never_met_is_no_fault(app):
    with app.app_context():
        token = mail_links.unsubscribe_url("ab" * 32).rpartition("/")[2]
        assert mail_consent.unsubscribe(token, Visitor("", None))
