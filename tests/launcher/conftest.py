"""Runs in copies of this checkout, on ports of their own."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.launcher.terminal import Run, listens, until

ROOT = Path(__file__).parents[2]
PARTS = ("smsapp", "migrations", "templates", "static", "wsgi.py", "gunicorn.conf.py")


def free_port() -> int:
    """Return a port that is free, as are the next two; below those that connections leave from."""
    while True:
        found = random.randrange(20000, 32000, 3)
        if not any(listens(found + more) for more in range(3)):
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
            shutil.copytree(source, folder / part)  # what is compiled too, or each start compiles
        else:
            shutil.copy(source, folder)
    return folder


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy that was never started."""
    return copy(tmp_path.resolve() / "clone")


@dataclass
class FirstRun:
    """A first run as a newcomer sees it: the answer to the printed command, and the text."""

    run: Run
    accepted: dict[str, object]
    text: dict[str, object]
    signs_in: bool
    signs_in_with_another_password: bool


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """A first run that has ended; what is made of it shows in one start what many would."""
    if not shutil.which("curl") and os.environ.get("CI") != "true":
        pytest.skip("curl is not installed")
    run = Run(copy(tmp_path_factory.mktemp("first").resolve() / "clone"), free_port()).ready()
    try:
        accepted = run.curl()
        until(lambda: run.status("order-1001-shipped") == "delivered")
        (text,) = run.texts()
        name, password = run.operator
        seen = FirstRun(
            run, accepted, text, run.signs_in(name, password), run.signs_in(name, "another one")
        )
    finally:
        run.ends(signal.SIGINT)
    return seen


@pytest.fixture(scope="module")
def second(first: FirstRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A second run, where the environment and `.env` speak of a real account."""
    folder = copy(tmp_path_factory.mktemp("second").resolve() / "clone")
    shutil.copytree(first.run.folder / "instance", folder / "instance")
    real = "TWILIO_ACCOUNT_SID=AC{0}\nTWILIO_AUTH_TOKEN={0}\nTWILIO_API_KEY_SID=SK{0}\n"
    real += "TWILIO_API_KEY_SECRET={0}\nTWILIO_MESSAGING_SERVICE_SID=MG{0}\n"
    real += "DATABASE_URL=postgresql://127.0.0.1:9/shop\nALLOWED_RECIPIENTS=+12025550123\n"
    real += "RATELIMIT_STORAGE_URI=redis://127.0.0.1:9\nWEB_CONCURRENCY=3\n"
    (folder / ".env").write_text(real.format("f" * 32))
    (folder / ".env").chmod(0o600)
    began = time.monotonic()
    variables = {"TWILIO_AUTH_TOKEN_SECONDARY": "f" * 32, "GUNICORN_CMD_ARGS": "--bind 127.0.0.1:9"}
    run = Run(folder, free_port(), **variables).ready()
    try:
        # 2 s on a machine of one's own; here other tests may run beside it.
        assert time.monotonic() - began < 15
        yield run
    finally:
        if run.process.poll() is None:
            run.ends(signal.SIGHUP)


@pytest.fixture
def start(clone: Path, port: int) -> Iterator[Callable[[], Run]]:
    """Start runs in the copy; afterwards none of their processes is left."""
    runs: list[Run] = []

    def start_one() -> Run:
        runs.append(Run(clone, port))
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
    assert [listens(at) for at in (port, port + 1, port + 2)] == [False] * 3
