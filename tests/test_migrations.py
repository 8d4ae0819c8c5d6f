"""Migrations keep what the code of the last release relies on, and stop no traffic."""

import re
import shutil
import threading
import time
from contextlib import contextmanager

import pytest
from alembic.script import ScriptDirectory
from flask_migrate import upgrade
from sqlalchemy import create_engine, event, inspect, text

from smsapp.extensions import db
from tests import servers
from tests.conftest import ROOT, app_at

# The first release. What came with it never ran beside older code.
FIRST_RELEASE = "0002"

# They indexed tables at rest, before any installation had rows to speak of.
INDEXED_AT_REST = {"0004"}

# What may go, and since which release nothing reads it: {(table, column): "0.3"}.
UNREAD_SINCE: dict[tuple[str, str], str] = {}


OURS = str(ROOT / "migrations")


@pytest.fixture
def released(empty_url):
    """An app with an empty database at the first release, one of each kind."""
    with app_at(empty_url) as app:
        upgrade(revision=FIRST_RELEASE)
        yield app


def faults(folder):
    """Migrate on step by step; return what older code, or the traffic, would stumble over."""
    found = []
    with db.engine.connect() as conn:
        at = conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    for script in reversed(list(ScriptDirectory(folder).iterate_revisions("head", at))):
        before, tables = columns(), inspect(db.engine).get_table_names()
        with statements_of(db.engine) as said:
            upgrade(directory=folder, revision=script.revision)
        after = columns()
        gone = before.keys() - after.keys() - UNREAD_SINCE.keys()
        found += [f"{script.revision} takes {table}.{name} away" for table, name in gone]
        for (table, name), column in after.items():
            was = before.get((table, name))
            is_needed = not column["nullable"] and column["default"] is None
            if was is None and table in tables and is_needed:
                found.append(f"{script.revision} wants {table}.{name} from older code")
            elif was and str(was["type"]) != str(column["type"]):
                found.append(f"{script.revision} gives {table}.{name} another type")
            elif was and was["nullable"] and is_needed:
                found.append(f"{script.revision} wants {table}.{name} from older code")
        for statement in said:
            index = re.match(r"CREATE (?:UNIQUE )?INDEX (?!CONC).* ON \"?(\w+)", statement)
            if index and index[1] in tables and db.engine.dialect.name == "postgresql":
                found.append(f"{script.revision} indexes {index[1]} while everybody waits")
    return found


def columns():
    """Return {(table, column): what the database says about it}."""
    found = inspect(db.engine)
    return {
        (table, column["name"]): column
        for table in found.get_table_names()
        for column in found.get_columns(table)
    }


@contextmanager
def statements_of(engine):
    """Collect what is said to a database."""
    said = []

    def note(_conn, _cursor, statement, *_rest):
        said.append(statement.strip())

    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


def test_older_code_runs_beside_each_migration(released):
    """It finds its columns as they were, and what it does not know it need not write."""
    at_rest = tuple(f"{revision} indexes" for revision in INDEXED_AT_REST)
    assert [fault for fault in faults(OURS) if not fault.startswith(at_rest)] == []


BAD = {
    "takes delivery.content_hash away": 'batch.drop_column("content_hash")',
    "takes delivery.body away": 'batch.alter_column("body", new_column_name="text")',
    "wants delivery.note from older code": (
        'batch.add_column(sa.Column("note", sa.String(10), nullable=False))'
    ),
    "wants delivery.error_code from older code": 'batch.alter_column("error_code", nullable=False)',
    "gives delivery.body another type": 'batch.alter_column("body", type_=sa.String(1600))',
}


@pytest.mark.parametrize("fault", BAD)
def test_what_older_code_would_stumble_over_is_found(released, tmp_path, fault):
    batch = f'with op.batch_alter_table("delivery") as batch: {BAD[fault]}'
    upgrade()
    assert f"9999 {fault}" in faults(with_another(tmp_path, batch))


ANOTHER = """
from alembic import op
import sqlalchemy as sa
from migrations import safely
revision, down_revision = "9999", {head!r}
def upgrade():
    {what}
def downgrade():
    pass
"""
INDEX = 'safely.create_index("delivery_another", "delivery", ["order_id"])'
COLUMN = 'op.add_column("delivery", sa.Column("note", sa.String(10), nullable=True))'


def with_another(tmp_path, what):
    """Return a folder with our migrations and one more."""
    folder = tmp_path / "another"
    shutil.copytree(ROOT / "migrations", folder)
    head = ScriptDirectory(str(folder)).get_current_head()
    (folder / "versions/9999_another.py").write_text(ANOTHER.format(head=head, what=what))
    return str(folder)


@pytest.fixture
def on_postgresql(postgres_url):
    """An app with our schema on PostgreSQL."""
    with servers.database(postgres_url) as url, app_at(url) as app:
        upgrade()
        yield app


def test_an_index_that_stops_the_traffic_is_found(on_postgresql, tmp_path):
    plain = 'op.create_index("delivery_another", "delivery", ["order_id"])'
    assert faults(with_another(tmp_path / "plain", plain)) == [
        "9999 indexes delivery while everybody waits"
    ]


def test_an_index_is_built_while_others_write(on_postgresql, tmp_path):
    """It waits for those who began before it; whoever comes later waits for nobody."""
    folder = with_another(tmp_path, INDEX)
    # As one that broke off is left behind.
    with db.engine.begin() as conn:
        conn.execute(text("CREATE INDEX delivery_another ON delivery (kind)"))
    writer = create_engine(db.engine.url)
    with writer.connect() as early:
        early.execute(text("UPDATE delivery SET tries = tries"))
        migration = threading.Thread(target=run, args=(on_postgresql, folder))
        migration.start()
        wait_until_blocked(writer)
        with writer.begin() as late:
            late.execute(text("SET LOCAL lock_timeout = '1s'"))
            late.execute(text("UPDATE delivery SET tries = tries"))
        early.commit()
    migration.join(30)
    (built,) = [
        i for i in inspect(writer).get_indexes("delivery") if i["name"] == "delivery_another"
    ]
    writer.dispose()
    assert built["column_names"] == ["order_id"]


def test_a_migration_does_not_queue_the_traffic_behind_a_long_transaction(
    on_postgresql, tmp_path, monkeypatch
):
    monkeypatch.setattr("migrations.safely.LOCK_TIMEOUT_SECONDS", 1)
    folder = with_another(tmp_path, COLUMN)
    other = create_engine(db.engine.url)
    with other.connect() as long:
        long.execute(text("SELECT count(*) FROM delivery"))
        with pytest.raises(SystemExit, match="in use for 1 seconds"):
            upgrade(directory=folder)
        assert "note" not in {column["name"] for column in inspect(other).get_columns("delivery")}
    upgrade(directory=folder)
    assert "note" in {column["name"] for column in inspect(other).get_columns("delivery")}
    other.dispose()


def run(app, folder):
    with app.app_context():
        upgrade(directory=folder)


def wait_until_blocked(engine):
    """Wait until the migration waits for somebody."""
    waiting = "wait_event_type = 'Lock' AND datname = current_database()"
    query = text(f"SELECT count(*) FROM pg_stat_activity WHERE {waiting}")
    deadline = time.monotonic() + 20
    with engine.connect() as conn:
        while not conn.execute(query).scalar():
            conn.commit()
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.02)
