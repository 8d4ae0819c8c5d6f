"""Several web processes share their callers evenly, whatever becomes of one of them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from smsapp.web import server

ROOT = Path(__file__).parents[2]
SECONDS = 15.0
APP = """
import os
import time

def app(environ, start):
    end = time.process_time() + float(environ["QUERY_STRING"] or 0)
    while time.process_time() < end:
        pass
    body = str(os.getpid()).encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
CONF = """
worker_class = "smsapp.web.server.Worker"
workers, threads, keepalive = 2, 100, 75
control_socket_disable = True

def child_exit(server, worker):
    worker.forget()
"""


class Web:
    """gunicorn with two processes, and callers who stay."""

    def __init__(self, address: str, log: Path) -> None:
        self.address, self.log = address, log
        self.callers: list[socket.socket] = []

    def calls(self, count: int) -> Counter[int]:
        """Let more callers come in at once and stay; return how many each process has of them."""
        came = []
        for _ in range(count):
            caller = socket.socket(socket.AF_UNIX)
            caller.settimeout(SECONDS)
            caller.connect(self.address)
            caller.sendall(b"GET / HTTP/1.1\r\nHost: sms.example.com\r\n\r\n")
            came.append(caller)
        self.callers += came
        return Counter(int(caller.recv(4096).rpartition(b"\n")[2]) for caller in came)

    def processes(self) -> list[int]:
        """Return both processes once there are two."""
        return [pid for pid, _ in self.until(lambda found: len(found) == 2).most_common()]

    def until(self, is_so) -> Counter[int]:
        """Let callers come and go until `is_so` of how many each process has had."""
        found: Counter[int] = Counter()
        end = time.monotonic() + SECONDS
        while not is_so(found):
            assert time.monotonic() < end, self.log.read_text()
            try:
                found[self.passes_by()] += 1
            except (OSError, ValueError):  # not there yet
                time.sleep(0.05)
        return found

    def passes_by(self, seconds: float = 0.0) -> int:
        """Let a caller come and go, whose answer takes so long; return who gave it."""
        with closing(socket.socket(socket.AF_UNIX)) as caller:
            caller.settimeout(SECONDS)
            caller.connect(self.address)
            caller.sendall(b"GET /?%f HTTP/1.0\r\n\r\n" % seconds)
            return int(caller.recv(4096).rpartition(b"\n")[2])


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    (tmp_path / "pid_app.py").write_text(APP)
    (tmp_path / "conf.py").write_text(CONF)
    log = tmp_path / "log"
    with log.open("w") as said:
        gunicorn = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "pid_app:app", "-c", "conf.py", "-b", "unix:web"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"},
            stdout=said,
            stderr=said,
        )
    running = Web(os.path.relpath(tmp_path / "web"), log)
    try:
        yield running
    finally:
        for caller in running.callers:
            caller.close()
        gunicorn.terminate()
        gunicorn.wait(SECONDS)


def test_callers_are_spread_evenly(web):
    web.processes()
    found = web.calls(60)
    assert len(found) == 2
    assert max(found.values()) - min(found.values()) <= server.AHEAD + server.AT_ONCE


def test_a_process_that_hangs_keeps_nobody_out(web):
    hung, other = web.processes()
    os.kill(hung, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert web.calls(30) == {other: 30}
        assert time.monotonic() - began < 3 * server.PATIENCE_SECONDS + 1
    finally:
        os.kill(hung, signal.SIGCONT)


def test_a_new_process_takes_over_from_one_that_died(web):
    died, other = web.processes()
    web.calls(20)
    os.kill(died, signal.SIGKILL)
    web.until(lambda found: set(found) - {died, other})
    for _ in range(5):
        assert other not in web.calls(1)
        time.sleep(2 * server.PATIENCE_SECONDS)


def test_callers_at_rest_do_not_spare_a_process_its_share_of_the_work(web):
    died, other = web.processes()
    web.calls(100)
    os.kill(died, signal.SIGKILL)
    web.until(lambda found: set(found) - {died, other})
    with ThreadPoolExecutor(12) as many:
        found = Counter(many.map(web.passes_by, [0.005] * 300))
    assert found[other] >= 30
