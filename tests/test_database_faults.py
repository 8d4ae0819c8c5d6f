"""What is wrong with the database is known by its own codes, whichever database it is."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from smsapp import database_faults
from smsapp.database_faults import Fault


def locked(file):
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        sqlite3.connect(file, timeout=0).execute("INSERT INTO t VALUES ('')")


def full(file):
    small = sqlite3.connect(file)
    small.execute("PRAGMA max_page_count = 1")
    small.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 100)


def read_only(file):
    sqlite3.connect(f"file:{file}?mode=ro", uri=True).execute("INSERT INTO t VALUES ('')")


def unopened(file):
    sqlite3.connect(file.parent / "missing" / file.name)


def damaged(file):
    file.write_bytes(b"no database" * 1000)
    sqlite3.connect(file).execute("SELECT * FROM t")


@pytest.mark.parametrize(
    ("cause", "fault"),
    [
        (locked, Fault.LOCKED),
        (full, Fault.FULL),
        (read_only, Fault.READ_ONLY),
        (unopened, Fault.UNOPENED),
        (damaged, Fault.DAMAGED),
    ],
)
def test_sqlite_says_what_is_wrong(tmp_path, cause, fault):
    file = tmp_path / "test.sqlite3"
    with sqlite3.connect(file) as first:
        first.execute("CREATE TABLE t (x)")
    first.close()
    with pytest.raises(sqlite3.Error) as caught:
        cause(file)
    assert database_faults.of(caught.value) is fault


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("CREATE TABLE t (x int)", Fault.READ_ONLY),
        # A row's own fault is none of the database's.
        ("SELECT 1 / 0", None),
        ("SELECT 'x'::int", None),
    ],
)
def test_postgresql_says_what_is_wrong(postgres_url, statement, fault):
    engine = create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:"))
    with pytest.raises(DBAPIError) as caught, engine.begin() as conn:
        conn.execute(text("SET TRANSACTION READ ONLY"))
        conn.execute(text(statement))
    engine.dispose()
    assert database_faults.of(caught.value) is fault


@pytest.mark.parametrize("error", [ValueError(), KeyError("x"), OSError(28, "No space left")])
def test_other_trouble_is_not_the_databases(error):
    assert database_faults.of(error) is None
