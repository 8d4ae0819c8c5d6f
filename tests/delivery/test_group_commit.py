"""Many requests, one commit, each its own answer."""

import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from smsapp.delivery import group_commit
from smsapp.extensions import database_now, db
from smsapp.models import Worker
from tests.conftest import app_at


@pytest.fixture
def engine(app):
    with app.app_context():
        return db.engine


def write_names(conn, rows):
    conn.execute(insert(Worker), [{"name": r, "seen_at": database_now(conn)} for r in rows])
    return [f"{row} is written" for row in rows]


def names(engine):
    with engine.connect() as conn:
        return set(conn.execute(select(Worker.name)).scalars())


def test_every_caller_gets_its_own_answer_after_the_commit(engine):

    def call(number):
        answer = group_commit.write(engine, write_names, f"w{number}")
        return answer == f"w{number} is written" and f"w{number}" in names(engine)

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(call, range(300)))


def test_those_who_wait_together_share_a_commit(engine):
    sizes = []
    held, waiting = threading.Event(), threading.Event()

    def hold(conn, rows):
        waiting.set()
        held.wait(5)
        return rows

    def count(conn, rows):
        sizes.append(len(rows))
        return rows

    with ThreadPoolExecutor(41) as pool:
        first = pool.submit(group_commit.write, engine, hold, 0)
        waiting.wait(5)
        others = [pool.submit(group_commit.write, engine, count, n) for n in range(40)]
        while len(group_commit._writer(engine)._waiting) < 40:
            pass
        held.set()
        assert [other.result() for other in others] == list(range(40))
        first.result()
    assert sizes == [40]


def test_a_bad_row_fails_its_own_caller_alone(engine):
    group_commit.write(engine, write_names, "taken")

    def call(name):
        try:
            return group_commit.write(engine, write_names, name)
        except IntegrityError:
            return None

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(call, [*(f"w{n}" for n in range(50)), *["taken"] * 10]))
    assert answers == [*(f"w{n} is written" for n in range(50)), *[None] * 10]
    assert len(names(engine)) == 51


def test_what_nobody_waits_for_any_more_is_not_written(engine, monkeypatch):
    """Its caller was told that nothing was accepted, or would not send what was leased."""
    held, waiting = threading.Event(), threading.Event()

    def hold(conn, rows):
        waiting.set()
        held.wait(5)
        return rows

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(group_commit.write, engine, hold, 0)
        waiting.wait(5)
        monkeypatch.setattr(group_commit, "MAX_WAIT_SECONDS", 0.01)
        with pytest.raises(TimeoutError):
            group_commit.write(engine, write_names, "late")
        monkeypatch.undo()
        held.set()
        first.result()
    group_commit.write(engine, write_names, "next")
    assert names(engine) == {"next"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_process_that_has_stopped_in_its_turn_is_passed_by(engine, monkeypatch):
    monkeypatch.setattr(group_commit, "TURN_SECONDS", 0.02)
    with Path(f"{engine.url.database}.lock").open("a") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        group_commit.write(engine, write_names, "w1")
    assert names(engine) == {"w1"}


def test_without_a_database_every_caller_is_told(tmp_path):
    with app_at(f"sqlite:///{tmp_path}/none.sqlite3"), pytest.raises(OperationalError):
        group_commit.write(db.engine, write_names, "w1")


def test_a_forked_process_has_a_writer_of_its_own(engine):
    group_commit.write(engine, write_names, "parent")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            engine.dispose(close=False)
            answer = group_commit.write(engine, write_names, "child")
            os.write(writer, answer.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    assert os.read(reader, 100) == b"child is written"
    os.close(reader)
    assert names(engine) == {"parent", "child"}
