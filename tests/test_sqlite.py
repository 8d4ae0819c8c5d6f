"""A lock that somebody else holds on SQLite's file stops no process."""

import sqlite3
import stat
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import OperationalError

from smsapp import sqlite
from smsapp.extensions import database_now, db, reading
from smsapp.models import Worker
from tests.conftest import locked, on_one_database


class Clock:
    """A time that passes while somebody sleeps."""

    def __init__(self, on_wake=lambda: None):
        self.now, self.on_wake = 0.0, on_wake

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.on_wake()


def a_row(conn):
    return insert(Worker).values(name="one", seen_at=database_now(conn))


@pytest.mark.parametrize("forbidden", ["", "test.sqlite3"])
def test_a_file_or_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch, forbidden):
    (tmp_path / "test.sqlite3").touch()
    assert sqlite.unwritable("sqlite:///test.sqlite3", tmp_path) is None
    closed = tmp_path / forbidden
    monkeypatch.setattr("os.access", lambda path, mode: path != closed)
    assert f"{closed}, " in sqlite.unwritable("sqlite:///test.sqlite3", tmp_path)
    assert sqlite.unwritable("postgresql://host/name", tmp_path) is None


def test_a_database_that_was_made_open_is_closed_to_other_users(tmp_path):
    for name, mode in (("x.db", 0o644), ("x.db-wal", 0o664), ("x.db.lock", 0o600), ("y", 0o644)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    sqlite.close_to_others("sqlite:///x.db", tmp_path)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"x.db": 0o640, "x.db-wal": 0o660, "x.db.lock": 0o600, "y": 0o644}


@on_one_database
def test_sqlite_itself_waits_for_nobody(app):
    with app.app_context(), reading() as conn:
        assert conn.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 0


@on_one_database
def test_who_wants_the_lock_sleeps_as_greenlets_do_and_has_it_once_it_is_free(app, monkeypatch):
    with app.app_context(), locked(app) as other:
        clock = Clock(lambda: clock.now > 2 and other.close())
        monkeypatch.setattr(sqlite, "time", clock)
        with db.engine.begin() as conn:
            conn.execute(a_row(conn))
        assert 2 < clock.now < 2.2
    with app.app_context(), reading() as conn:
        assert conn.execute(select(Worker.name)).scalar_one() == "one"


@on_one_database
def test_who_has_not_got_it_in_time_is_told(app, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(sqlite, "time", clock)
    with app.app_context(), locked(app):
        with pytest.raises(OperationalError), db.engine.begin():
            raise AssertionError
        assert sqlite.LOCK_SECONDS - 0.2 < clock.now <= sqlite.LOCK_SECONDS


def test_no_other_trouble_is_waited_for(monkeypatch):
    monkeypatch.setattr(sqlite, "time", SimpleNamespace(monotonic=lambda: 0.0))
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        sqlite.when_free(lambda: sqlite3.connect(":memory:").execute("SELECT * FROM missing"))
