"""flask consent …: whoever has to prove a consent gets it on paper."""

import json

import pytest
from sqlalchemy import update

from smsapp.models import Consent, Phone
from tests.conftest import ALICE, BOB
from tests.recipients.test_consent import KEY, ledger, tamper

__all__ = ["ledger"]


@pytest.fixture
def run(app):
    return lambda *args: app.test_cli_runner().invoke(args=args)


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
    assert run("consent", "export", ALICE, "--out", str(path)).exit_code == 0
    evidence = json.loads(path.read_text())
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


def test_erase_takes_one_person(run, ledger, rows):
    assert run("erase", ALICE).exit_code == 0
    assert {row.e164 for row in rows.all(Phone)} == {None, BOB}
