"""The whole thing: real web processes, a real database, and the sandbox for Twilio."""

import functools
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask_migrate import upgrade
from sqlalchemy import Engine, NullPool, create_engine, func, select, text
from werkzeug.serving import WSGIRequestHandler, make_server

from smsapp import api_keys
from smsapp.api_keys import Scope
from smsapp.extensions import db
from smsapp.models import Delivery, DeliveryState
from smsapp.sandbox.testing import Sandbox, SandboxConfig, running
from tests.conftest import ACCOUNT, ENVIRONMENT, ROOT, TOKEN, make_app, shipment

UNSETTLED = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.UNKNOWN)
VERIFY_SERVICE = "VA00000000000000000000000000000001"
BIN = Path(sys.executable).parent


@dataclass
class System:
    """An installation: its settings, its sandbox, its processes."""

    environment: dict[str, str]
    sandbox: Sandbox
    key: str
    folder: Path
    port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start one of the project's commands in a process group of its own."""
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(BIN / command[0]), *command[1:]],
                cwd=ROOT,
                env=os.environ | self.environment | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def web(self, **environment: str) -> tuple[str, subprocess.Popen[bytes]]:
        """Start gunicorn; return its address once it answers, and the process.

        The first one is where receipts go.
        """
        port = free_port() if self.processes else self.port
        process = self.start("gunicorn", "wsgi:app", "-b", f"127.0.0.1:{port}", **environment)
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{url}/readyz"), process)
        return url, process

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start("flask", "worker")

    def command(self, *arguments: str) -> None:
        """Run one of `flask`'s commands in this process, which has imported all it takes."""
        app = make_app(**self.environment)
        result = app.test_cli_runner().invoke(args=arguments)
        assert result.exit_code == 0, result.output
        with app.app_context():
            db.engine.dispose()

    @functools.cached_property
    def engine(self) -> Engine:
        """The installation's database, at which nobody waits between two statements."""
        return create_engine(self.environment["DATABASE_URL"], poolclass=NullPool)

    def execute(self, statement: str) -> None:
        """Run a statement on the installation's database."""
        with self.engine.begin() as conn:
            conn.execute(text(statement))

    def unsettled(self) -> int:
        """Return how many deliveries are still on their way to the carrier."""
        query = select(func.count()).where(Delivery.state.in_(UNSETTLED))
        with self.engine.connect() as conn:
            return conn.execute(query).scalar_one()

    def texts(self) -> Counter[str]:
        """Return how many texts the carrier took for each number."""
        return Counter(message["to"] for message in self.sandbox.messages())

    def logs(self) -> str:
        return "\n".join(log.read_text() for log in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            process.wait(30)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all it started, as a machine does that loses power."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an app of this process on a free port; yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait_for(
    ready: Callable[[], object], process: subprocess.Popen[bytes] | None = None, seconds: int = 30
) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it did not come about in time"
        assert process is None or process.poll() is None, "the process has ended"
        time.sleep(0.02)


@contextmanager
def installation(
    url: str, folder: Path, pace: float = 0.2, posts_texts: bool = False, **environment: str
) -> Iterator[System]:
    """Set up an installation on an empty database; the sandbox may post customers' texts to it."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    config = SandboxConfig(
        account_sid=ACCOUNT,
        auth_token=TOKEN,
        from_number=ENVIRONMENT["TWILIO_FROM_NUMBER"],
        database=folder / "sandbox.sqlite3",
        public_base_url=base if posts_texts else "",
        pace=pace,
        hang_seconds=30,
        verify_service_sid=environment.get("TWILIO_VERIFY_SERVICE_SID"),
        voice_number=environment.get("TWILIO_VOICE_FROM"),
        voice_url=f"{base}/twilio/voice/incoming",
        voice_fallback_url=f"{base}/twilio/voice/fallback",
        voice_status_url=f"{base}/twilio/voice/status#rc=5&rp=all",
        mail_port=urlsplit(environment.get("MAIL_URL", "")).port,
    )
    with running(config) as sandbox:
        settings = ENVIRONMENT | {
            "DATABASE_URL": url,
            "TWILIO_BASE_URL": sandbox.url,
            "PUBLIC_BASE_URL": base,
            "EMBEDDED_WORKER": "true",
        }
        settings |= environment
        app = make_app(**settings)
        with app.app_context():
            upgrade()
            key = api_keys.create("shop", set(Scope))
            db.engine.dispose()
        system = System(settings, sandbox, key, folder, port)
        try:
            yield system
        finally:
            system.stop()


def order(number: int) -> dict[str, Any]:
    """Return an event of its own, to a number of its own."""
    return shipment(f"order-{number:04}-shipped", orderId=str(number), phone=f"+1202555{number:04}")


def post(
    url: str,
    key: str,
    body: dict[str, Any],
    path: str = "/api/order-shipped-sms",
    **headers: str,
) -> tuple[int, Any] | None:
    """Return status and JSON, or None where the connection broke."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(
            "POST",
            path,
            json.dumps(body),
            {"Content-Type": "application/json", "Authorization": f"Bearer {key}"} | headers,
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def get(url: str, key: str, path: str) -> Any:
    """Return the JSON of one address of the API's."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def states(url: str, key: str, numbers: Iterable[int]) -> Counter[str]:
    """Return how many of these orders' texts are in which state."""
    paths = [f"/api/deliveries?eventId={order(number)['eventId']}" for number in numbers]
    return Counter(get(url, key, path)["status"] for path in paths)
