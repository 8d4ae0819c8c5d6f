"""Programs of ours that run beside each other, end together, and say why if one fails."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

# Until what was started does what it is for; it takes about 2 s, on a busy machine many times that.
START_SECONDS = 90
# Before what still runs is killed; the app finishes the texts it is sending (10 s at most).
STOP_SECONDS = 12
POLL_SECONDS = 0.05


class Failed(Exception):
    """The run cannot begin or go on; the text says why and what to do."""


class Stopped(Exception):
    """Somebody asked for the end: Ctrl-C, SIGTERM, or the terminal was closed."""


class Child:
    """One program with its own log, out of reach of the terminal's Ctrl-C."""

    def __init__(
        self, name: str, arguments: list[str], env: Mapping[str, str], root: Path, log: Path
    ) -> None:
        self._name, self._log = name, log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  our own programs
                [sys.executable, "-m", *arguments],
                cwd=root,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to finish what it is doing; in the end kill it and all that it started."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        # Of a group with nobody left macOS says that it is not permitted.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def failed(self, how: str) -> Failed:
        """Return the error that it failed in this way, with the end of its log."""
        lines = self._log.read_text(errors="replace").splitlines()[-15:]
        end = "\n".join(f"  {line}" for line in lines)
        return Failed(
            f"{self._name} {how}. The end of {self._log.parent.name}/{self._log.name}:\n{end}"
        )


class Children:
    """All that this run has started.

    Attributes:
        stop_asked: Whether a signal has asked for the end; see `stop_on`.
    """

    def __init__(self, root: Path, env: Mapping[str, str]) -> None:
        self._root, self._env = root, env
        self._started: list[Child] = []
        self._staying: list[Child] = []
        self.stop_asked = False

    def stop_on(self, *signals: signal.Signals) -> None:
        """Take these signals as the wish to stop, at the next wait.

        A handler that raised could do so between starting a program and noting that it runs.
        """
        for number in signals:
            signal.signal(number, self._ask_to_stop)

    def run(self, name: str, arguments: list[str], log: Path) -> None:
        """Run a program to its end.

        Raises:
            Failed: It failed, or another one ended meanwhile.
            Stopped: Somebody asked for the end.
        """
        child = self._start(name, arguments, log)
        self.wait(lambda: child.exit_code is not None, child)
        if child.exit_code:
            raise child.failed("failed")

    def start(self, name: str, arguments: list[str], log: Path) -> Child:
        """Start a program that is to run as long as the others."""
        child = self._start(name, arguments, log)
        self._staying.append(child)
        return child

    def wait(self, done: Callable[[], bool], whom: Child) -> None:
        """Wait until `done()`, for which `whom` is answerable; raises as `run` does."""
        deadline = time.monotonic() + START_SECONDS
        while not done():
            self._check()
            if time.monotonic() > deadline:
                raise whom.failed(f"is not ready after {START_SECONDS} s")
            time.sleep(POLL_SECONDS)

    def watch(self) -> None:
        """Wait for Stopped or Failed."""
        while True:
            self._check()
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End them all, what was started last first: the app before the carrier it talks to."""
        for child in reversed(self._started):
            child.stop()

    def _start(self, name: str, arguments: list[str], log: Path) -> Child:
        child = Child(name, arguments, self._env, self._root, log)
        self._started.append(child)
        return child

    def _check(self) -> None:
        if self.stop_asked:
            raise Stopped
        for child in self._staying:
            if child.exit_code is not None:
                raise child.failed(f"ended by itself (exit code {child.exit_code})")

    def _ask_to_stop(self, number: int, _frame: object) -> None:
        self.stop_asked = True
