"""What lets a newcomer in: an API key, and a name and password for the console.

Both are made once and kept in instance/; the app's database holds only their hashes.
"""

import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from werkzeug.security import check_password_hash

from smsapp.sandbox.children import Failed
from smsapp.sandbox.environment import write_private

KEY_FILE, PERSON_FILE = "sandbox-key", "sandbox-operator"
MAX_NAMES = 100


@dataclass(frozen=True, slots=True)
class Person:
    """Who may sign in to the console and act there."""

    name: str
    password: str


def kept_key(instance: Path) -> str:
    """Return the key of the last run, which need not work any more; nothing without one."""
    file = instance / KEY_FILE
    return file.read_text().strip() if file.exists() else ""


def make_key(instance: Path, env: Mapping[str, str]) -> str:
    """Make an API key and keep it."""
    scopes = ["--scope", "send", "--scope", "verify", "--scope", "read"]
    _, key = _make("API key", ["api-key", "create"], "sandbox", scopes, instance, env)
    write_private(instance / KEY_FILE, f"{key}\n")
    return key


def kept_person(instance: Path, database: Path) -> Person | None:
    """Return who was let in before; None where the database knows of no such name and password."""
    file = instance / PERSON_FILE
    name, _, password = (file.read_text() if file.exists() else "").strip().partition(" ")
    query = "SELECT password_hash FROM operator WHERE name = ? AND disabled_at IS NULL"
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as reading:
            found = reading.execute(query, (name,)).fetchone()
    except sqlite3.Error:
        return None
    return Person(name, password) if found and check_password_hash(found[0], password) else None


def make_person(instance: Path, env: Mapping[str, str]) -> Person:
    """Make an operator and keep the password."""
    role = ["--role", "operator"]
    person = Person(*_make("operator", ["operator", "create"], "sandbox", role, instance, env))
    write_private(instance / PERSON_FILE, f"{person.name} {person.password}\n")
    return person


def _make(
    what: str,
    command: list[str],
    wanted: str,
    options: list[str],
    instance: Path,
    env: Mapping[str, str],
) -> tuple[str, str]:
    """Run one of the app's commands; return a name that was free and the secret that was made."""
    for number in range(1, MAX_NAMES):
        name = wanted if number == 1 else f"{wanted}-{number}"
        made = subprocess.run(  # noqa: S603  our own program
            [sys.executable, "-m", "flask", *command, name, *options],
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
        if f"“{name}”" not in made.stderr:  # it complains of something else than the name
            break
    raise Failed(f"No {what} could be made:\n{made.stderr}")
