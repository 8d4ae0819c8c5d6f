"""An installation moves from SQLite to PostgreSQL with all it knows."""

import os
import subprocess
import sys

import pytest
from flask_migrate import upgrade
from sqlalchemy import select

from smsapp import api_keys
from smsapp.api_keys import Scope
from smsapp.extensions import Base, db
from smsapp.webhooks import endpoints
from tests import servers
from tests.conftest import ALICE, BOB, ROOT, Service, empty, make_app, opt_out


@pytest.fixture
def apps(tmp_path, postgres_url):
    """An installation on SQLite and an empty one on PostgreSQL."""
    with servers.database(postgres_url) as url:
        both = [make_app(DATABASE_URL=u) for u in (f"sqlite:///{tmp_path}/old.sqlite3", url)]
        for app in both:
            with app.app_context():
                upgrade()
        yield both
        for app in both:
            with app.app_context():
                db.engine.dispose()


def move(apps):
    old, new = (app.extensions["settings"].database_url for app in apps)
    return subprocess.run(
        [sys.executable, "deploy/to_postgresql.py", old, new],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def contents(app):
    with app.app_context(), db.engine.connect() as conn:
        tables = Base.metadata.sorted_tables
        return {t.name: sorted(map(repr, conn.execute(select(t)).all())) for t in tables}


def test_everything_moves_and_goes_on(apps, twilio):
    old, new = apps
    with old.app_context():
        key = api_keys.create("shop", set(Scope))
        endpoints.create("shop", "https://shop.example.com/hook", None, wants_bodies=False)
    Service(old.test_client(), key).ships()
    opt_out(old, BOB)
    moved = move(apps)
    assert moved.returncode == 0, moved.stderr
    assert contents(new) == contents(old)
    shop = Service(new.test_client(), key)
    assert shop.ships().json["duplicate"]
    assert shop.ships("order-1002", phone=BOB).json["error"] == "opted_out"
    assert shop.ships("order-1003").status_code == 202
    opt_out(new, ALICE)  # its number follows those that were copied
    assert new.test_cli_runner().invoke(args=["consent", "verify"]).exit_code == 0


def test_a_database_in_use_is_not_written_over(apps, twilio):
    new = apps[1]
    opt_out(new, ALICE)
    before = contents(new)
    assert "not empty" in move(apps).stderr
    empty(new)
    with new.app_context(), db.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert "schemas differ" in move(apps).stderr
    assert before["opt_out"]
