"""What `make` does before anything runs: it makes .venv and installs the right lock, once."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    not shutil.which("make") and os.environ.get("CI") != "true", reason="make is not installed"
)

# A Python that only notes what it was asked to install.
PYTHON = """#!/bin/sh
case "$*" in
    "-c import sys"*) [ ! -e too-old ];;
    --version) echo Python 3.9.2;;
    "-c import ensurepip"*) [ ! -e no-venv ];;
    "-m venv .venv") mkdir -p .venv/bin && cp stub/python3 .venv/bin/python &&
        echo "#!$(pwd -P)/.venv/bin/python" > .venv/bin/pip && echo venv >> done;;
    "-c import pip"*) ;;
    "-m pip install --require-hashes -r "*) echo "install $6" >> done
        echo "Collecting flask"; [ ! -e broken ] || { cat broken >&2; exit 1; };;
    "-m smsapp.launcher" | "-m pytest"*) echo "$2" >> done;;
    *) echo "not expected: $*" >&2; exit 9;;
esac
"""


class Checkout:
    """A folder with the Makefile and two small locks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "stub").mkdir(parents=True)
        (folder / "stub/python3").write_text(PYTHON)
        (folder / "stub/python3").chmod(0o755)
        for name in ("requirements.txt", "requirements-dev.txt"):
            (folder / name).write_text("flask==3\n")
        shutil.copy(ROOT / "Makefile", folder)

    def make(
        self, *arguments: str, python: str = "PYTHON=stub/python3"
    ) -> subprocess.CompletedProcess[str]:
        (self.folder / "done").unlink(missing_ok=True)
        # Of a `make test` that this test is part of, nothing may come through.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.run(
            ["make", python, *arguments],
            cwd=self.folder,
            env={name: value for name, value in kept.items() if name != "MFLAGS"},
            capture_output=True,
            text=True,
            check=False,
        )

    def does(self, *arguments: str) -> list[str]:
        made = self.make(*arguments)
        assert made.returncode == 0, made.stderr
        return (self.folder / "done").read_text().splitlines()

    def refuses(self) -> str:
        made = self.make("run")
        assert made.returncode
        assert list(self.folder.glob(".venv/locked-*")) == []
        return made.stderr


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path / "my clone")


def test_make_alone_says_what_there_is(checkout):
    said = checkout.make().stdout
    assert all(f"make {target} " in said for target in ("run", "test", "lint"))
    assert not (checkout.folder / ".venv").exists()


def test_run_installs_the_first_lock_alone_and_once(checkout):
    assert checkout.does("run") == ["venv", "install requirements.txt", "smsapp.launcher"]
    assert checkout.does("run") == ["smsapp.launcher"]


def test_the_lock_for_tests_serves_running_too(checkout):
    assert checkout.does("test") == ["venv", "install requirements-dev.txt", "pytest"]
    assert checkout.does("run") == ["smsapp.launcher"]


def test_a_new_time_is_no_change_but_a_new_line_is(checkout):
    checkout.does("run")
    (checkout.folder / "requirements.txt").touch()
    assert checkout.does("run") == ["smsapp.launcher"]
    (checkout.folder / "requirements.txt").write_text("flask==4\n")
    assert checkout.does("run") == ["install requirements.txt", "smsapp.launcher"]


def test_back_on_an_older_lock_it_installs_that_again(checkout):
    for version in (3, 4, 3):
        (checkout.folder / "requirements.txt").write_text(f"flask=={version}\n")
        assert "install requirements.txt" in checkout.does("run")


def test_a_failed_install_says_so_and_is_tried_again(checkout):
    (checkout.folder / "broken").write_text("ERROR: Hashes are required\n")
    assert "Hashes are required" in checkout.refuses()
    (checkout.folder / "broken").unlink()
    assert checkout.does("run") == ["install requirements.txt", "smsapp.launcher"]


@pytest.mark.parametrize(
    "said",
    [
        "NewConnectionError('Failed to establish a new connection: [Errno 101]')",
        "NameResolutionError(\"Failed to resolve 'pypi.org'\")",
        "ReadTimeoutError(\"HTTPSConnectionPool(host='pypi.org', port=443): Read timed out.\")",
    ],
)
def test_without_a_network_it_says_so_in_a_sentence(checkout, said):
    (checkout.folder / "broken").write_text(f"WARNING: {said}\nERROR: from versions: none\n")
    told = checkout.refuses()
    assert told.startswith("The packages are on pypi.org, which cannot be reached from here.")
    assert "from versions" not in told


def test_a_moved_checkout_gets_a_new_environment(checkout):
    checkout.does("run")
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    assert checkout.does("run") == ["venv", "install requirements.txt", "smsapp.launcher"]


def test_the_systems_python_is_taken_where_it_will_do(checkout):
    made = checkout.make("run", python="SYSTEM_PYTHON=stub/python3")
    assert made.returncode == 0, made.stderr
    assert (checkout.folder / "done").read_text().startswith("venv\n")


@pytest.mark.parametrize("fault", ["too-old", "no-venv"])
def test_else_the_first_of_the_path_is_taken(checkout, fault, monkeypatch):
    (checkout.folder / fault).touch()
    first = checkout.folder / "path/python3"
    first.parent.mkdir()
    first.write_text("#!/bin/sh\necho from the path >> done; exit 1\n")
    first.chmod(0o755)
    monkeypatch.setenv("PATH", f"{first.parent}:{os.environ['PATH']}")
    made = checkout.make("run", python="SYSTEM_PYTHON=stub/python3")
    assert made.returncode
    assert (checkout.folder / "done").read_text().startswith("from the path\n")


def test_an_old_python_is_refused_by_its_version(checkout):
    (checkout.folder / "too-old").touch()
    assert "needs Python 3.11 or newer, and stub/python3 is Python 3.9.2" in checkout.refuses()


def test_a_python_without_venv_names_the_package_that_has_it(checkout):
    (checkout.folder / "no-venv").touch()
    assert "apt-get install python3-venv" in checkout.refuses()


def test_no_python_at_all_is_refused_too(checkout):
    (checkout.folder / "stub/python3").unlink()
    assert "there is no stub/python3 here" in checkout.refuses()
