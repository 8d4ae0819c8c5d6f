"""Programs of ours that run beside each other, end together, and say why if one fails."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
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


@dataclass
class Child:
    """One program with its own log, out of reach of the terminal's Ctrl-C."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]
    stays: bool

    def stop(self) -> None:
        """Ask it to finish what it is doing; in the end kill it and all that it started."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        # Of a group with nobody left macOS says that it is not permitted.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def failed(self, how: str) -> Failed:
        """Return the error that it failed in this way, with the end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        end = "\n".join(f"  {line}" for line in lines)
        log = f"{self.log.parent.name}/{self.log.name}"
        return Failed(f"{self.name} {how}. The end of {log}:\n{end}")


class Children:
    """All that this run has started.

    Attributes:
        stop_asked: Whether a signal has asked for the end; see `stop_on`.
    """

    def __init__(self, root: Path, env: Mapping[str, str]) -> None:
        self._root, self._env = root, env
        self._started: list[Child] = []
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
        child = self.start(name, arguments, log, stays=False)
        self.wait(lambda: child.process.poll() is not None, child)
        if child.process.returncode:
            raise child.failed("failed")

    def start(self, name: str, arguments: list[str], log: Path, stays: bool = True) -> Child:
        """Start a program; one that `stays` is to run as long as the others."""
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  our own programs
                [sys.executable, "-m", *arguments],
                cwd=self._root,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started.append(Child(name, log, process, stays))
        return self._started[-1]

    def wait(self, done: Callable[[], bool], whom: Child) -> None:
        """Wait until `done()`, for which `whom` is answerable; raises as `run` does."""
        deadline = time.monotonic() + START_SECONDS
        while not done():
            self._rest()
            if time.monotonic() > deadline:
                raise whom.failed(f"is not ready after {START_SECONDS} s")

    def watch(self) -> None:
        """Wait for Stopped or Failed."""
        while True:
            self._rest()

    def stop(self) -> None:
        """End them all, what was started last first: the app before the carrier it talks to."""
        for child in reversed(self._started):
            child.stop()

    def _rest(self) -> None:
        if self.stop_asked:
            raise Stopped
        for child in self._started:
            if child.stays and child.process.poll() is not None:
                raise child.failed(f"ended by itself (exit code {child.process.returncode})")
        time.sleep(POLL_SECONDS)

    def _ask_to_stop(self, number: int, _frame: object) -> None:
        self.stop_asked = True
