"""Commands say what is wrong with the database in a sentence."""

import pytest

from tests.conftest import ALICE, app_at, locked, on_one_database, read_only


@on_one_database
@pytest.mark.parametrize(("around", "words"), [(read_only, "is read-only"), (locked, "lock")])
def test_a_database_that_cannot_be_written_is_named(app, run, monkeypatch, around, words):
    monkeypatch.setattr("smsapp.sqlite.LOCK_SECONDS", 0.02)
    with around(app):
        said = run("opt-out", ALICE)
    assert (said.exit_code, type(said.exception)) == (1, SystemExit)
    assert said.output.startswith("Error: ")
    assert words in said.output


def test_so_is_one_that_is_away():
    with app_at("postgresql://shop:secret@127.0.0.1:1/smsapp") as away:
        said = away.test_cli_runner().invoke(args=["api-key", "list"])
    assert said.exit_code == 1
    assert said.output == ("Error: The database is not available. `flask doctor` may know more.\n")
