"""A run as somebody at a terminal sees it, for the tests of `make run`."""

import functools
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from tests.system import wait_for

# A start takes 1 to 3 s, on a busy machine many times that.
PATIENCE = 60


class Run:
    """One run in a folder, as somebody at a terminal sees it."""

    def __init__(self, folder: Path, port: int, **variables: str) -> None:
        self.folder, self.port = folder, port
        self.output = folder / f"output-{time.monotonic_ns()}"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "smsapp.launcher"],
                cwd=folder,
                env={**os.environ, **variables, "PORT": str(port)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    def ready(self) -> "Run":
        until(lambda: "Ctrl-C stops both" in self.said or self.process.poll() is not None)
        assert "Ctrl-C stops both" in self.said, self.said
        return self

    def ended(self) -> int:
        return self.process.wait(PATIENCE)

    def stop(self, number: signal.Signals) -> int:
        """Send a signal to all that the terminal would send it to."""
        os.killpg(self.process.pid, number)
        return self.ended()

    def ends(self, number: signal.Signals) -> None:
        """Stop it, as promptly and quietly as it has to."""
        began = time.monotonic()
        assert self.stop(number) == 0
        assert time.monotonic() - began < 10
        assert "Traceback" not in self.said
        assert self.processes() == []

    @property
    def command(self) -> str:
        """The printed command."""
        command = re.search(r"^curl .*?'$(?=\n\n)", self.said, re.DOTALL | re.MULTILINE)
        assert command
        return command[0]

    def curl(self) -> dict[str, object]:
        """Paste the printed command."""
        return self.pastes(self.command)

    def pastes(self, command: str) -> dict[str, object]:
        pasted = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, check=True, timeout=30
        )
        return dict(json.loads(pasted.stdout))

    def get(self, path: str, *, phone: bool = False) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port + phone, timeout=10)
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def status(self, event_id: str) -> str:
        """Return how the app says that an event's text does."""
        return str(json.loads(self.get(f"/api/deliveries?eventId={event_id}")[1]).get("status"))

    def texts(self) -> list[dict[str, Any]]:
        """Return what the phone has got."""
        return list(json.loads(self.get("/messages.json", phone=True)[1])["messages"])

    def signs_in(self, name: str, password: str) -> bool:
        """Return whether the console lets somebody in, as their browser asks it."""
        url = f"http://127.0.0.1:{self.port}/console/"
        browser = build_opener(HTTPCookieProcessor())
        page = browser.open(url, timeout=10).read().decode()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token
        form = urlencode({"csrf_token": token[1], "name": name, "password": password, "next": ""})
        try:
            with browser.open(f"{url}sign-in", form.encode(), timeout=10) as answer:
                return "Sign out" in answer.read().decode()
        except HTTPError as error:
            assert error.code == 403
            return False

    @property
    def key(self) -> str:
        return (self.folder / "instance/sandbox-key").read_text().strip()

    @property
    def operator(self) -> tuple[str, str]:
        """The name and the password for the console, as printed."""
        printed = re.search(r"^ +sign in as (\S+) with (\S+)$", self.said, re.MULTILINE)
        assert printed
        return printed[1], printed[2]

    def processes(self) -> list[int]:
        """Return who still works in this folder, whoever their parent is."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "cwd").readlink() == self.folder and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
            except OSError:
                continue  # gone, or not ours
        return found


until = functools.partial(wait_for, seconds=PATIENCE)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
