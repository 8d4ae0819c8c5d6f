"""What `make run` starts: the whole way of a newcomer, in a copy of this checkout."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smsapp import config
from smsapp.launcher import __main__ as launcher
from smsapp.launcher import checks, credentials
from smsapp.launcher.environment import environment, made_once
from smsapp.launcher.processes import Children, Failed
from tests.launcher.terminal import Run, until

on_linux = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="reads /proc")


def test_the_printed_command_texts_a_phone(first):
    run = first.run
    assert f"http://127.0.0.1:{run.port}\n" in run.said
    assert f"http://127.0.0.1:{run.port + 1}/\n" in run.said
    assert f"http://127.0.0.1:{run.port + 1}/mails\n" in run.said
    assert first.accepted["accepted"] is True
    assert first.text["body"] == (
        "Your order 1001 has shipped. Tracking: https://example.com/track/1001"
    )
    assert (first.text["to"], first.text["status"]) == ("+15558675310", "delivered")


def test_the_printed_name_and_password_open_the_console_and_no_others_do(first):
    assert first.signs_in
    assert not first.signs_in_with_another_password


def test_the_printed_test_key_texts_no_phone(second):
    (key,) = re.findall(r"lists:\n\n  (\S+)$", second.said, re.MULTILINE)
    command = second.command.replace(second.key, key).replace("order-1001", "order-of-a-test")
    before = second.texts()
    assert second.pastes(command)["accepted"] is True
    assert second.texts() == before


def test_only_the_owner_can_read_what_it_leaves_behind(first):
    instance = first.run.folder / "instance"
    assert stat.S_IMODE(instance.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in instance.iterdir()}
    assert {"sandbox.env", "smsapp.sqlite3", "smsapp.sqlite3.lock", "run.env"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_a_second_start_goes_on_from_there(first, second):
    assert (second.key, second.operator) == (first.run.key, first.run.operator)
    assert second.signs_in(*second.operator)
    assert second.get("/", phone=True)[0] == 200
    assert second.get("/mails", phone=True)[0] == 200
    assert second.curl()["duplicate"] is True
    assert second.texts() == [first.text]


def test_the_doctor_finds_no_fault_in_it(second):
    ended = subprocess.run(
        [sys.executable, "-m", "flask", "doctor"],
        cwd=second.folder,
        env=environment(os.environ, made_once(second.folder / "instance"), second.port),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "FAULT" not in ended.stdout
    assert "and is tried again" in ended.stdout


def test_commands_typed_beside_it_speak_of_it_and_say_so(first):
    names = config.Settings.model_fields
    clean = {name: value for name, value in os.environ.items() if name.lower() not in names}
    ended = subprocess.run(
        [sys.executable, "-m", "flask", "api-key", "list"],
        cwd=first.run.folder,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "send" in ended.stdout
    assert "what `make run` runs" in ended.stderr


@on_linux
def test_a_real_account_in_the_environment_and_in_dotenv_is_not_used(second):
    environments = [
        dict(
            pair.split("=", 1)
            for pair in Path(f"/proc/{number}/environ").read_text().split("\0")
            if "=" in pair
        )
        for number in second.processes()
        if number != second.process.pid
    ]
    assert environments
    assert not any("f" * 32 in value for env in environments for value in env.values())
    assert second.curl()["duplicate"] is True


def test_a_second_run_in_the_same_folder_is_refused(second, port):
    another = Run(second.folder, port)
    assert another.ended() == 1
    assert "already" in another.said
    assert second.get("/healthz")[0] == 200


@pytest.mark.parametrize(
    ("seconds", "number"),
    [(0, signal.SIGINT), (0.01, signal.SIGTERM), (0.3, signal.SIGHUP), (1, signal.SIGINT)],
)
def test_it_stops_in_the_middle_of_its_start(start, seconds, number):
    run = start()
    until(lambda: "Starting" in run.said)
    time.sleep(seconds)
    run.ends(number)


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_a_port_in_use_is_named_with_the_way_out(start, port, offset):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + offset))
        other.listen()
        run = start()
        assert run.ended() == 1
    assert re.fullmatch(rf"Port {port + offset}: .* PORT=\d+ make run\n", run.said)


@pytest.mark.parametrize("value", ["http", "0", "65534", "-1", "²"])
def test_a_port_that_cannot_be_one_is_refused(value):
    with pytest.raises(Failed, match=re.escape(repr(value))):
        launcher.read_port({"PORT": value})


def test_a_start_that_fails_says_why(tmp_path, monkeypatch):
    database = tmp_path / "smsapp.sqlite3"
    database.write_text("This is no database." * 100)
    env = environment(os.environ, made_once(tmp_path), 8000)
    children = Children(launcher.ROOT, env | {"DATABASE_URL": f"sqlite:///{database}"})
    monkeypatch.setattr(launcher, "APP_LOG", tmp_path / "app.log")
    with pytest.raises(Failed, match=r"(?s)The end of \S+/app.log:\n.*DatabaseError"):
        launcher.migrate(children)


def test_a_key_and_a_password_that_are_lost_or_wrong_are_made_anew_and_work(second):
    env = environment(os.environ, made_once(second.folder / "instance"), second.port)
    kept = second.folder / "kept"
    kept.mkdir()
    (kept / "sandbox-operator").write_text("sandbox another-password\n")
    made = credentials.working(kept, env, second.port)
    assert made.key != second.key
    assert checks.takes_key(second.port, made.key)
    assert checks.takes_test_key(second.port, made.test_key)
    assert not checks.takes_key(second.port, "another-key")
    assert re.fullmatch(r"sandbox-\w+", made.name)
    assert second.signs_in(made.name, made.password)
    assert credentials.working(kept, env, second.port) == made


@on_linux
def test_if_the_sandbox_dies_the_app_is_stopped_and_the_reason_shown(second):
    """The end of this run: no test after it can have it."""
    for number in second.processes():
        arguments = Path(f"/proc/{number}/cmdline").read_text().split("\0")
        if "sandbox" in arguments:
            os.kill(number, signal.SIGKILL)
    assert second.ended() == 1
    assert "The sandbox ended by itself" in second.said
    assert second.processes() == []


class Programs:
    """Children that do nothing and say what they were asked for."""

    def __init__(self):
        self.asked = []

    def start(self, name, arguments, log):
        self.asked.append(arguments[:2])

    run = start

    def wait(self, done, whom):
        assert done()


SANDBOX, APP, MIGRATION = ["flask", "sandbox"], ["gunicorn", "wsgi:app"], ["flask", "db"]


@pytest.mark.parametrize(
    ("is_there", "is_newest", "asked"),
    [
        (False, True, [SANDBOX, MIGRATION, APP]),
        (True, True, [SANDBOX, APP]),
        (True, False, [SANDBOX, APP, MIGRATION]),
    ],
)
def test_a_database_is_migrated_unless_it_is_at_the_last_step(
    tmp_path, monkeypatch, is_there, is_newest, asked
):
    database = tmp_path / "smsapp.sqlite3"
    if is_there:
        database.touch()
    monkeypatch.setattr(launcher, "DATABASE", database)
    monkeypatch.setattr(checks, "is_up", lambda port: True)
    monkeypatch.setattr(checks, "is_ready", lambda port: is_newest)
    programs = Programs()
    launcher.start(programs, 8000)
    assert programs.asked == asked
