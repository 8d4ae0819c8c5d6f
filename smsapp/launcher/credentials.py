"""What lets a newcomer in: API keys, and a name and password for the console.

All are made once by the app's own commands and kept in instance/; its database holds only
their hashes. What it does not take any more is made anew.
"""

import secrets
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from smsapp.launcher import checks
from smsapp.launcher.environment import write_private
from smsapp.launcher.processes import Failed

KEY_FILE, TEST_KEY_FILE, OPERATOR_FILE = "sandbox-key", "sandbox-test-key", "sandbox-operator"
SCOPES = ("send", "verify", "read", "webhooks")
API_KEY = ("api-key", "create", *(word for each in SCOPES for word in ("--scope", each)))
TEST_KEY = ("api-key", "create", "--test", "--scope", "send", "--scope", "read")
OPERATOR = ("operator", "create", "--role", "operator")


class Credentials(NamedTuple):
    """An API key, one whose texts go nowhere, and who may sign in to the console and act there."""

    key: str
    test_key: str
    name: str
    password: str


def working(instance: Path, env: Mapping[str, str], port: int) -> Credentials:
    """Return credentials that the app on this port takes: those of the last run, or new ones."""
    with ThreadPoolExecutor() as beside:  # a command takes a second or two
        key = beside.submit(_api_key, API_KEY, instance / KEY_FILE, env, port)
        test_key = beside.submit(_api_key, TEST_KEY, instance / TEST_KEY_FILE, env, port)
        operator = beside.submit(_operator, instance / OPERATOR_FILE, env, port)
        return Credentials(key.result(), test_key.result(), *operator.result())


def _api_key(command: tuple[str, ...], file: Path, env: Mapping[str, str], port: int) -> str:
    key, is_test = _kept(file), command is TEST_KEY
    takes = checks.takes_test_key if is_test else checks.takes_key
    if not key or not takes(port, key):
        _, key = _make(command, "sandbox-test" if is_test else "sandbox", file.parent, env)
        write_private(file, f"{key}\n")
    return key


def _operator(file: Path, env: Mapping[str, str], port: int) -> tuple[str, str]:
    name, _, password = _kept(file).partition(" ")
    if not password or not checks.lets_in(port, name, password):
        name, password = _make(OPERATOR, "sandbox", file.parent, env)
        write_private(file, f"{name} {password}\n")
    return name, password


def _kept(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def _make(
    command: tuple[str, ...], wanted: str, instance: Path, env: Mapping[str, str]
) -> tuple[str, str]:
    """Run one of the app's commands; return a name that was free and the secret that was made."""
    # A name is never used twice, and the wanted one may be that of a secret that got lost.
    for name in (wanted, f"{wanted}-{secrets.token_hex(3)}"):
        made = subprocess.run(  # noqa: S603  our own program
            [sys.executable, "-m", "flask", *command, name],
            cwd=instance.parent,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,  # not to be hit by Ctrl-C
            check=False,
        )
        if made.returncode == 0:
            return name, made.stdout.splitlines()[-1].strip()
    raise Failed(f"`flask {' '.join(command)}` failed:\n{made.stderr}")
