"""What `make run` starts: the whole way of a newcomer, in a copy of this checkout."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from smsapp.sandbox.__main__ import migrated, read_port
from smsapp.sandbox.children import Failed
from smsapp.sandbox.environment import environment, made_once
from tests.sandbox_launcher.terminal import Run, until

ROOT = Path(__file__).parents[2]

on_linux = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="reads /proc")


def modes(instance: Path) -> set[int]:
    """Return the access rights of what the launcher made."""
    assert stat.S_IMODE(instance.stat().st_mode) == 0o700
    names = ("sandbox.env", "sandbox-key", "sandbox-operator", "app.log", "sandbox.log")
    return {stat.S_IMODE((instance / name).stat().st_mode) for name in names}


def status_of(run: Run) -> str:
    _, body = run.get("/api/deliveries?eventId=order-1001-shipped")
    return str(json.loads(body).get("status"))


def signs_in(run: Run, name: str, password: str) -> bool:
    """Return whether the console lets somebody in, as their browser asks it."""
    url = f"http://127.0.0.1:{run.port}/console/"
    browser = build_opener(HTTPCookieProcessor())
    page = browser.open(url, timeout=10).read().decode()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    form = urlencode({"csrf_token": token[1], "name": name, "password": password, "next": ""})
    try:
        with browser.open(f"{url}sign-in", form.encode(), timeout=10) as answer:
            return "Sign out" in answer.read().decode()
    except HTTPError as error:
        assert error.code == 403
        return False


@pytest.mark.skipif(
    not shutil.which("curl") and os.environ.get("CI") != "true", reason="curl is not installed"
)
def test_the_printed_command_texts_a_phone_and_a_second_start_goes_on_from_there(start):
    run = start().ready()
    assert f"http://127.0.0.1:{run.port}\n" in run.said
    assert f"http://127.0.0.1:{run.port + 1}/\n" in run.said
    assert run.get("/", phone=True)[0] == 200
    assert run.curl()["accepted"] is True
    until(lambda: status_of(run) == "delivered")
    (message,) = json.loads(run.get("/messages.json", phone=True)[1])["messages"]
    assert message["body"] == (
        "Your order 1001 has shipped. Tracking: https://example.com/track/1001"
    )
    assert (message["to"], message["status"]) == ("+15558675310", "delivered")
    assert migrated(run.folder / "instance/smsapp.sqlite3", ROOT / "migrations/versions")
    assert modes(run.folder / "instance") == {0o600}
    key, person = run.key, run.person
    assert signs_in(run, *person)
    assert not signs_in(run, person[0], "another password")
    assert run.stop() == 0

    began = time.monotonic()
    again = start().ready()
    # 2 s on a machine of one's own; here other tests may run beside it.
    assert time.monotonic() - began < 15
    assert (again.key, again.person) == (key, person)
    assert signs_in(again, *person)
    assert again.curl()["duplicate"] is True
    assert json.loads(again.get("/messages.json", phone=True)[1])["messages"] == [message]
    assert again.stop() == 0


@pytest.mark.usefixtures("used")
def test_the_doctor_finds_no_fault_in_it(start):
    run = start().ready()
    ended = subprocess.run(
        [sys.executable, "-m", "flask", "doctor"],
        cwd=run.folder,
        env=environment(os.environ, made_once(run.folder / "instance"), run.port),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "FAULT" not in ended.stdout
    assert "and is tried again" in ended.stdout


@pytest.mark.usefixtures("used")
@on_linux
def test_a_real_account_in_the_environment_and_in_dotenv_is_not_used(start, clone):
    real = "TWILIO_ACCOUNT_SID=AC{0}\nTWILIO_AUTH_TOKEN={0}\nTWILIO_API_KEY_SID=SK{0}\n"
    real += "TWILIO_API_KEY_SECRET={0}\nTWILIO_MESSAGING_SERVICE_SID=MG{0}\n"
    real += "DATABASE_URL=postgresql://127.0.0.1:9/shop\nALLOWED_RECIPIENTS=+12025550123\n"
    real += "RATELIMIT_STORAGE_URI=redis://127.0.0.1:9\nWEB_CONCURRENCY=3\n"
    (clone / ".env").write_text(real.format("f" * 32))
    run = start(TWILIO_AUTH_TOKEN_SECONDARY="f" * 32, GUNICORN_CMD_ARGS="--bind 127.0.0.1:9")
    run.ready()
    environments = [
        dict(
            pair.split("=", 1)
            for pair in Path(f"/proc/{number}/environ").read_text().split("\0")
            if "=" in pair
        )
        for number in run.processes()
        if number != run.process.pid
    ]
    assert environments
    assert not any("f" * 32 in value for env in environments for value in env.values())
    assert run.curl()["accepted"] is True


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_stops_promptly_and_without_a_traceback(start, number):
    run = start().ready()
    began = time.monotonic()
    assert run.stop(number) == 0
    assert time.monotonic() - began < 10
    assert "Traceback" not in run.said
    assert run.processes() == []


def test_a_database_is_migrated_unless_it_is_at_the_last_step(tmp_path):
    database, first, second = (tmp_path / name for name in ("db.sqlite3", "0001.py", "0002.py"))
    first.write_text('revision = "0001"\ndown_revision = None\n')
    assert not migrated(database, tmp_path)
    with closing(sqlite3.connect(database)) as writing:
        writing.execute("CREATE TABLE alembic_version (version_num TEXT)")
        writing.execute("INSERT INTO alembic_version VALUES ('0001')")
        writing.commit()
    assert migrated(database, tmp_path)
    second.write_text('revision: str = "0002"\ndown_revision: str | None = "0001"\n')
    assert not migrated(database, tmp_path)


@pytest.mark.parametrize("seconds", [0, 0.01, 0.3, 1])
def test_it_stops_in_the_middle_of_its_start(start, seconds):
    run = start()
    until(lambda: "Starting" in run.said)
    time.sleep(seconds)
    assert run.stop() == 0
    assert "Traceback" not in run.said
    assert run.processes() == []


@pytest.mark.parametrize("offset", [0, 1])
def test_a_port_in_use_is_named_with_the_way_out(start, port, offset):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + offset))
        other.listen()
        run = start()
        assert run.ended() == 1
    assert re.fullmatch(rf"Port {port + offset}: .* PORT=\d+ make run\n", run.said)


@pytest.mark.parametrize("value", ["http", "0", "65535", "-1", "²"])
def test_a_port_that_cannot_be_one_is_refused(value):
    with pytest.raises(Failed, match=re.escape(repr(value))):
        read_port({"PORT": value})


@pytest.mark.usefixtures("used")
def test_a_second_run_in_the_same_folder_is_refused(start, port):
    first = start().ready()
    second = start(port + 2)
    assert second.ended() == 1
    assert "already" in second.said
    assert first.get("/healthz")[0] == 200


@pytest.mark.usefixtures("used")
@on_linux
@pytest.mark.parametrize("killed", ["gunicorn", "sandbox"])
def test_if_one_dies_the_other_is_stopped_and_the_reason_shown(start, killed):
    run = start().ready()
    for number in run.processes():
        command = Path(f"/proc/{number}/cmdline").read_bytes().decode()
        if number != run.process.pid and killed in command:
            os.kill(number, signal.SIGKILL)
    assert run.ended() == 1
    assert "ended by itself" in run.said
    assert run.processes() == []


def test_a_start_that_fails_says_why(start, clone):
    (clone / "instance").mkdir()
    (clone / "instance/smsapp.sqlite3").write_text("This is no database." * 100)
    run = start()
    assert run.ended() == 1
    assert "The end of instance/app.log" in run.said
    assert "DatabaseError" in run.said


@pytest.mark.usefixtures("used")
def test_what_is_lost_of_key_password_and_database_is_made_anew_and_works(start, clone):
    key, person = clone / "instance/sandbox-key", clone / "instance/sandbox-operator"
    first = key.read_text().strip()
    assert person.read_text().split()[0] == "sandbox"
    key.unlink()
    person.unlink()
    run = start().ready()
    second = run.key
    assert second != first
    assert run.curl()["accepted"] is True
    assert run.person[0] == "sandbox-2"
    assert signs_in(run, *run.person)
    run.stop()
    for file in (run.folder / "instance").glob("smsapp.sqlite3*"):
        file.unlink()
    run = start().ready()
    assert run.key not in {first, second}
    assert signs_in(run, *run.person)
    assert run.curl()["accepted"] is True
