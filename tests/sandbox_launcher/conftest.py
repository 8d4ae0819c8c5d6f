"""Runs in a copy of this checkout, on ports of their own."""

import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox_launcher.terminal import Run, listens

ROOT = Path(__file__).parents[2]
PARTS = ("smsapp", "migrations", "templates", "static", "wsgi.py", "gunicorn.conf.py")


def free_port() -> int:
    """Return a port that is free, as is the next; below those that connections leave from."""
    while True:
        found = random.randrange(20000, 32000, 2)
        if not listens(found) and not listens(found + 1):
            return found


@pytest.fixture
def port() -> int:
    return free_port()


def copy(folder: Path) -> Path:
    """Make a copy of what a run needs of this checkout."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    return folder


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy that was never started."""
    return copy(tmp_path.resolve() / "clone")


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first run leaves behind."""
    run = Run(copy(tmp_path_factory.mktemp("first").resolve() / "clone"), free_port()).ready()
    assert run.stop() == 0
    return run.folder / "instance"


@pytest.fixture
def used(clone: Path, first_run: Path) -> None:
    """The copy was started before, which leaves a start a fifth of its work."""
    shutil.copytree(first_run, clone / "instance")


@pytest.fixture
def start(clone: Path, port: int) -> Iterator[Callable[..., Run]]:
    """Start runs in the copy; afterwards none of their processes is left."""
    runs: list[Run] = []

    def start_one(at: int = port, **variables: str) -> Run:
        runs.append(Run(clone, at, **variables))
        return runs[-1]

    try:
        yield start_one
    finally:
        for run in runs:
            if run.process.poll() is None:
                run.stop(signal.SIGTERM)
        left = [number for run in runs for number in run.processes()]
        for number in left:
            os.kill(number, signal.SIGKILL)
    assert left == []
    assert [listens(at) for at in (port, port + 1)] == [False, False]
