"""What lets a newcomer in: an API key, and a name and password for the console.

Both are made once by the app's own commands and kept in instance/; its database holds only
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

KEY_FILE, OPERATOR_FILE = "sandbox-key", "sandbox-operator"
SCOPES = ("send", "verify", "read", "webhooks")
API_KEY = ("api-key", "create", *(word for each in SCOPES for word in ("--scope", each)))
OPERATOR = ("operator", "create", "--role", "operator")


class Credentials(NamedTuple):
    """An API key, and who may sign in to the console and act there."""

    key: str
    name: str
    password: str


def working(instance: Path, env: Mapping[str, str], port: int) -> Credentials:
    """Return credentials that the app on this port takes: those of the last run, or new ones."""
    with ThreadPoolExecutor() as beside:  # a command takes a second or two
        key = beside.submit(_api_key, instance / KEY_FILE, env, port)
        operator = beside.submit(_operator, instance / OPERATOR_FILE, env, port)
        return Credentials(key.result(), *operator.result())


def _api_key(file: Path, env: Mapping[str, str], port: int) -> str:
    key = _kept(file)
    if not key or not checks.takes_key(port, key):
        _, key = _make(API_KEY, file.parent, env)
        write_private(file, f"{key}\n")
    return key


def _operator(file: Path, env: Mapping[str, str], port: int) -> tuple[str, str]:
    name, _, password = _kept(file).partition(" ")
    if not password or not checks.lets_in(port, name, password):
        name, password = _make(OPERATOR, file.parent, env)
        write_private(file, f"{name} {password}\n")
    return name, password


def _kept(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def _make(command: tuple[str, ...], instance: Path, env: Mapping[str, str]) -> tuple[str, str]:
    """Run one of the app's commands; return a name that was free and the secret that was made."""
    # A name is never used twice, and “sandbox” may be that of a secret that got lost.
    for name in ("sandbox", f"sandbox-{secrets.token_hex(3)}"):
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
