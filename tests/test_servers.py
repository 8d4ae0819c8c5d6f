"""The servers that the tests run on start, answer, and never outlive the tests."""

import socket
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url

from tests import servers


def tables(url: str) -> list[str]:
    engine = create_engine(url)
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()


def fill(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE phone (id bigint PRIMARY KEY)"))
    engine.dispose()


def test_postgresql_answers_and_commits_as_in_production(postgres_url):
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
        assert connection.execute(text("SHOW server_version_num")).scalar() >= "150000"
    engine.dispose()


def test_each_database_is_new_and_goes_away(postgres_url):
    with servers.database(postgres_url) as first, servers.database(postgres_url) as second:
        fill(first)
        assert tables(first) == ["phone"]
        assert tables(second) == []
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(first.replace("+psycopg", ""))


def test_a_database_goes_away_while_somebody_is_connected(postgres_url):
    with servers.database(postgres_url) as url:
        left_open = psycopg.connect(url.replace("+psycopg", ""))
    with pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")


def test_redis_answers():
    with servers.redis() as url, Redis.from_url(url) as client:
        assert client.incr("hits") == 1


def test_both_die_with_the_tests_that_started_them(postgres_url):
    code = """if True:
        import time
        from tests import servers
        with servers.postgres() as postgres, servers.redis() as redis:
            print(postgres, redis, flush=True)
            time.sleep(600)
    """
    with servers._folder("killed-") as folder:
        folder.chmod(0o755)
        with subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[1],
            env={"TMPDIR": str(folder), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            text=True,
        ) as tests:
            ports = [make_url(url).port for url in tests.stdout.readline().split()]
            assert [answers(port) for port in ports] == [True, True]
            tests.kill()
        deadline = time.monotonic() + 20
        while any(answers(port) for port in ports) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [answers(port) for port in ports] == [False, False]


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("start", [servers.postgres, servers.redis])
def test_a_server_that_is_installed_but_does_not_start_is_a_failure(monkeypatch, start):
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.delenv("TEST_REDIS_URL", raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(servers, "_free_port", lambda: taken.getsockname()[1])
        with pytest.raises(servers.ServerFailed, match="in use"), start():
            pass


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
@pytest.mark.parametrize("start", [servers.postgres, servers.redis])
def test_a_missing_wheel_is_skipped_with_its_reason_but_fails_a_build(
    monkeypatch, start, ci, outcome
):
    def missing(wheel: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(wheel)

    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.delenv("TEST_REDIS_URL", raising=False)
    monkeypatch.setattr(metadata, "distribution", missing)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=r"is not installed .* set TEST_\w+_URL"), start():
        pass


def test_a_server_that_was_given_wins(monkeypatch):
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://me:pw@db.example/postgres")
    monkeypatch.setenv("TEST_REDIS_URL", "redis://cache.example/1")
    with servers.postgres() as database, servers.redis() as cache:
        assert database == "postgresql+psycopg://me:pw@db.example/postgres"
        assert cache == "redis://cache.example/1"
