"""The ledger: append-only, chained, and the only truth about consent; and its commands."""

import json

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from smsapp.extensions import db, settings
from smsapp.models import Consent, ConsentAction, ConsentEvidence
from smsapp.recipients import consent, customers, known_data
from smsapp.recipients.customers import Visitor
from tests.conftest import ALICE, BOB, KEY, past_triggers, settings_of

ALICES = Visitor(KEY, "VE" + "1" * 32, "203.0.113.7", "Browser/1.0")


def faults(app):
    with app.app_context(), db.engine.connect() as conn:
        return list(consent.faults(conn, settings().ledger_key))


@pytest.fixture
def ledger(app, shop, twilio):
    """Alice's ledger of three rows, and Bob's of one."""
    shop.ships()
    shop.ships("order-2001-shipped", orderId="2001", phone=BOB)
    with app.app_context():
        customers.agree(ALICES, ["support"])
        customers.withdraw(ALICES, ["support"])


def test_an_events_consent_fills_an_empty_ledger_once(shop, twilio, rows):
    shop.ships()
    shop.ships("order-1002-shipped", orderId="1002")
    row = rows.one(Consent)
    assert (row.source, row.action, row.purpose) == ("api", "granted", "order_updates")
    assert row.since.isoformat() == "2026-06-02T09:00:00+00:00"


def test_a_withdrawal_outlasts_every_consent_a_service_brings_along(app, shop, twilio, rows):
    shop.ships()
    with app.app_context():
        customers.withdraw(ALICES, ["order_updates"])
    answer = shop.ships("order-1002-shipped", orderId="1002", consentAt="2026-11-20T09:00:00Z")

    assert (answer.status_code, answer.json["error"]) == (409, "consent_withdrawn")
    ledger = sorted(rows.all(Consent), key=lambda row: row.seq)
    assert [row.action for row in ledger] == ["granted", "withdrawn"]
    with app.app_context():
        customers.agree(ALICES, ["order_updates"])
    assert shop.ships("order-1003-shipped", orderId="1003").status_code == 202


def test_the_database_refuses_to_change_the_ledger(app, ledger):
    for statement in (
        update(Consent).values(purpose="support"),
        delete(Consent).where(Consent.seq == 1),
    ):
        with (
            app.app_context(),
            pytest.raises(DBAPIError, match="append-only"),
            db.engine.begin() as conn,
        ):
            conn.execute(statement)


def tamper(app, statement):
    """Change the ledger as somebody with the database's own powers could."""
    with past_triggers(app) as conn:
        if conn.dialect.name == "sqlite":
            conn.execute(text("PRAGMA defer_foreign_keys = ON"))
        conn.execute(delete(ConsentEvidence))
        conn.execute(statement)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        (
            update(Consent).values(action=ConsentAction.GRANTED).where(Consent.seq == 3),
            (3, "changed"),
        ),
        (update(Consent).values(purpose="x").where(Consent.seq == 1), (1, "changed")),
        (delete(Consent).where(Consent.seq == 2), (2, "missing")),
        (delete(Consent).where(Consent.seq == 3), (3, "missing")),
    ],
)
def test_a_changed_or_missing_row_shows(app, ledger, statement, fault):
    tamper(app, statement.where(Consent.phone_key == KEY))
    (phone, seq, what), *_ = faults(app)
    assert (phone, seq) == (KEY, fault[0])
    assert what.startswith(fault[1])


def test_an_inserted_row_shows(app, ledger):
    tamper(
        app,
        Consent.__table__.insert().from_select(
            [column.name for column in Consent.__table__.columns],
            Consent.__table__.select()
            .with_only_columns(
                *[
                    (Consent.seq + 3 if column.name == "seq" else column)
                    for column in Consent.__table__.columns
                ]
            )
            .where(Consent.phone_key == KEY, Consent.seq == 1),
        ),
    )
    assert {seq for phone, seq, _ in faults(app) if phone == KEY} == {4}


def test_agreeing_twice_is_one_row(app, ledger, rows):
    with app.app_context():
        customers.agree(ALICES, ["incident_alerts"])
        customers.agree(ALICES, ["incident_alerts"])
    assert len([row for row in rows.all(Consent) if row.purpose == "incident_alerts"]) == 1


def test_everything_known_about_a_customer_can_be_had(app, ledger):
    with app.app_context():
        known = known_data.about(KEY)
    assert known["phone"] == ALICE
    assert [row["source"] for row in known["consents"]] == ["api", "page", "page"]
    assert known["consents"][1]["address"] == "203.0.113.7"
    assert known["texts"][0]["body"].startswith("Your order 1001")
    assert BOB not in str(known)


def test_under_a_changed_phone_key_a_known_number_is_refused_and_not_texted(app, shop, twilio):
    shop.ships()
    with settings_of(app, PHONE_KEY="another phone key for the tests!!"):
        assert shop.ships("order-1002-shipped", orderId="1002").status_code == 500
    assert len(twilio.calls) == 1


def test_verify_says_that_a_whole_ledger_is_whole(run, ledger):
    result = run("consent", "verify")
    assert (result.exit_code, result.stdout) == (0, "The ledger is whole.\n")


def test_verify_names_a_changed_row_and_fails(app, run, ledger):
    tamper(
        app, update(Consent).where(Consent.phone_key == KEY, Consent.seq == 2).values(purpose="x")
    )
    result = run("consent", "verify")
    assert result.exit_code == 1
    assert f"{KEY} row 2: changed" in result.stdout
    assert ALICE not in result.output


def test_export_holds_words_times_and_evidence_of_one_person(run, ledger, tmp_path):
    path = tmp_path / "alice.json"
    assert run("consent", "export", "+112025550123", "--out", str(path)).exit_code == 0
    evidence = json.loads(path.read_text())
    assert evidence["phone"] == ALICE
    assert evidence["ledgerIsWhole"] is True
    granted = evidence["consents"][1]
    assert granted["purpose"] == "support"
    assert granted["words"].startswith("I agree that")
    assert granted["address"] == "203.0.113.7"
    assert BOB not in path.read_text()


def test_export_never_overwrites(run, ledger, tmp_path):
    path = tmp_path / "there.json"
    path.write_text("mine")
    assert run("consent", "export", ALICE, "--out", str(path)).exit_code != 0
    assert path.read_text() == "mine"


@pytest.mark.parametrize("command", [("consent", "export"), ("erase",)])
@pytest.mark.parametrize("phone", ["07700 900123", "+447700900999"])
def test_an_unknown_number_is_said_to_be_unknown(run, command, phone):
    result = run(*command, phone)
    assert result.exit_code == 1
    assert phone not in result.output
