"""What the hot paths cost, as ratios to their floors in the same run.

    make bench                                     both databases
    python -m benchmarks.hot_paths --database sqlite --seconds 3 --rounds 3

The floors: a bare Flask route on the same server, and one insert with its commit on the same
database. Everything that production has is on: keys, limits, permission, attempts, receipts, logs.
The callers, the server, the database and a Twilio that answers at once share this machine, so only
the ratios mean something.
"""

import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import os
import random
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import gevent
from gevent import socket as green
from gevent.server import StreamServer
from sqlalchemy import create_engine, text

from tests import servers

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ACCOUNT, TOKEN = "AC00000000000000000000000000000001", "0123456789abcdef0123456789abcdef"
PUBLIC = "https://sms.example.com"
PATHS = ("bare route", "order", "order, async", "duplicate", "receipt")
Bytes = Callable[[int], bytes]


class Twilio:
    """Twilio as a socket that accepts every text at once and remembers its StatusCallback."""

    def __init__(self) -> None:
        self.callbacks: list[tuple[str, str]] = []
        self.server = StreamServer(("127.0.0.1", 0), self._serve)
        self.server.start()

    def _serve(self, connection: green.socket, _address: object) -> None:
        while request := read(connection):
            if request.startswith(b"GET"):  # a worker asks what came in: nothing did
                body = b'{"messages": [], "next_page_uri": null}'
                connection.sendall(message(b"HTTP/1.1 200 OK", body, b"application/json"))
                continue
            fields = parse_qs(request.partition(b"\r\n\r\n")[2].decode())
            sid = f"SM{secrets.token_hex(16)}"
            self.callbacks.append((sid, fields["StatusCallback"][0].partition("#")[0]))
            body = json.dumps({"sid": sid, "status": "queued", "num_segments": "1"}).encode()
            connection.sendall(message(b"HTTP/1.1 201 Created", body, b"application/json"))


def message(first: bytes, body: bytes, kind: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([first, b"Content-Type: " + kind, length, *headers, b"", body])


def read(connection: green.socket) -> bytes:
    """Return one HTTP message, head and body; nothing where the other side has hung up."""
    message = b""
    while b"\r\n\r\n" not in message:
        part = connection.recv(65536)
        if not part:
            return b""
        message += part
    head, _, body = message.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    lengths = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
    while len(body) < sum(lengths):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


class Installation:
    """Two web processes on a database of their own, and the requests to send them."""

    def __init__(self, environment: dict[str, str], twilio: Twilio) -> None:
        self.environment, self.twilio = environment, twilio
        self.run = secrets.token_hex(4)
        self.sent = 0
        self.next_receipt = 0
        self.flask("db", "upgrade")
        self.key = self.flask("api-key", "create", "bench", "--scope", "send").split()[-1]

    def flask(self, *command: str) -> str:
        """Run a command of the installation; return what it says."""
        return subprocess.run(
            [BIN / "flask", *command],
            cwd=ROOT,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def event(self, number: int, *headers: bytes, event_id: str | None = None) -> bytes:
        event = {
            "eventId": event_id or f"bench-{self.run}-{number}",
            "phone": f"+1555867{number % 10000:04d}",
            "orderId": str(number),
            "trackingUrl": f"https://example.com/track/{number}",
            "consentAt": "2026-06-02T09:00:00Z",
        }
        first = b"POST /api/order-shipped-sms HTTP/1.1\r\nHost: bench"
        authorization = b"Authorization: Bearer " + self.key.encode()
        body = json.dumps(event).encode()
        return message(first, body, b"application/json", authorization, *headers)

    def request(self, path: str) -> Bytes:
        """Return what makes the next request of a path."""
        duplicate = self.event(0, event_id=f"bench-{self.run}-twice")

        def fresh(_: int) -> bytes:
            self.sent += 1
            prefer = (b"Prefer: respond-async",) if path == "order, async" else ()
            return self.event(self.sent, *prefer)

        def receipt(_: int) -> bytes:
            self.next_receipt += 1
            return _receipt(*self.twilio.callbacks[self.next_receipt - 1])

        def bare(number: int) -> bytes:
            first = b"POST / HTTP/1.1\r\nHost: bench"
            return message(first, b'{"eventId":"bench-%d"}' % number, b"application/json")

        return {
            "bare route": bare,
            "duplicate": lambda _: duplicate,
            "receipt": receipt,
        }.get(path, fresh)


def _receipt(sid: str, url: str) -> bytes:
    fields = {
        "AccountSid": ACCOUNT,
        "From": "+15005550006",
        "MessageSid": sid,
        "MessageStatus": "delivered",
        "SmsSid": sid,
        "To": "+15558670000",
    }
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.new(TOKEN.encode(), signed.encode(), hashlib.sha1).digest()
    first = f"POST {url.removeprefix(PUBLIC)} HTTP/1.1\r\nHost: bench".encode()
    signature = b"X-Twilio-Signature: " + base64.b64encode(mac)
    form = urlencode(fields).encode()
    return message(first, form, b"application/x-www-form-urlencoded", signature)


@contextmanager
def serving(app: str, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Run two web processes of an app; give their port and their master's process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [BIN / "gunicorn", app, "--bind", f"127.0.0.1:{port}"]
    with Path(environment["LOG"]).open("ab") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log, stdout=log)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), green.create_connection(("127.0.0.1", port)) as c:
                c.sendall(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")
                if read(c):
                    break
            gevent.sleep(0.1)
        yield port, server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(40)


def load(port: int, make: Bytes, callers: int, seconds: float, most: int) -> float:
    """Call as often as `callers` can for some seconds; return answers a second.

    Raises:
        RuntimeError: An answer is no success.
    """
    end, answered = time.perf_counter() + seconds, 0

    def call() -> None:
        nonlocal answered
        with green.create_connection(("127.0.0.1", port)) as connection:
            while time.perf_counter() < end and answered + callers < most:
                connection.sendall(make(answered))
                answer = read(connection)
                if not answer.startswith((b"HTTP/1.1 20",)):
                    raise RuntimeError(answer[:200].decode())
                answered += 1

    began = time.perf_counter()
    gevent.joinall([gevent.spawn(call) for _ in range(callers)], raise_error=True)
    return answered / (time.perf_counter() - began)


def processor_seconds(process: int) -> float:
    """Return the CPU time of a process and its children so far (Linux)."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if process in (int(stat.parent.name), int(fields[1])):
                ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def commits(url: str, seconds: float) -> float:
    """Return how often a second one connection inserts one row and commits."""
    engine = create_engine(url)
    count, end = 0, time.perf_counter() + seconds
    with engine.connect() as conn:
        if engine.dialect.name == "sqlite":
            conn.execute(text("PRAGMA synchronous=FULL"))
        conn.execute(text("CREATE TABLE IF NOT EXISTS floor (id INTEGER, words TEXT)"))
        conn.commit()
        insert = text("INSERT INTO floor VALUES (:id, 'one row')")
        while time.perf_counter() < end:
            conn.execute(insert, {"id": count})
            conn.commit()
            count += 1
    engine.dispose()
    return count / seconds


def environment_of(url: str, redis: str, twilio: Twilio, folder: Path) -> dict[str, str]:
    """Return what an installation runs with: all that production has on."""
    return os.environ | {
        "DATABASE_URL": url,
        "RATELIMIT_STORAGE_URI": redis,
        "SECRET_KEY": secrets.token_hex(20),
        "PHONE_KEY": secrets.token_hex(20),
        "PUBLIC_BASE_URL": PUBLIC,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_FROM_NUMBER": "+15005550006",
        "TWILIO_BASE_URL": f"http://127.0.0.1:{twilio.server.server_port}",
        "WEB_CONCURRENCY": "2",
        "EMBEDDED_WORKER": "false",
        "API_RATE_LIMIT": "100000000/minute",
        "MAX_TEXTS_PER_NUMBER_PER_DAY": "1000000",
        "LOG": str(folder / "web.log"),
    }


def measure(name: str, url: str, redis: str, args: argparse.Namespace, folder: Path) -> None:
    """Measure all paths on one database and print their table."""
    twilio = Twilio()
    environment = environment_of(url, redis, twilio, folder)
    installation = Installation(environment, twilio)
    found: dict[str, list[tuple[float, float]]] = {path: [] for path in PATHS}
    floor = []
    for _ in range(args.rounds):
        floor.append(commits(url, args.seconds / 2))
        for path in random.sample(PATHS, len(PATHS)):
            app = "benchmarks.bare:app" if path == "bare route" else "wsgi:app"
            with serving(app, environment) as (port, server):
                # To warm up, and for receipts to be about.
                first = "bare route" if path == "bare route" else "order"
                load(port, installation.request(first), args.callers, 1, sys.maxsize)
                left = len(twilio.callbacks) - installation.next_receipt
                most = left if path == "receipt" else sys.maxsize
                before = processor_seconds(server)
                rate = load(port, installation.request(path), args.callers, args.seconds, most)
                used = processor_seconds(server) - before
            found[path].append((rate, used / max(rate * args.seconds, 1) * 1e6))
            print(f"  {name:10} {path:13} {rate:7.0f}/s", file=sys.stderr, flush=True)
    twilio.server.stop()
    bare = statistics.median(rate for rate, _ in found["bare route"])
    commit = statistics.median(floor)
    print(f"\n{name}: bare Flask route {bare:.0f}/s, insert and commit {commit:.0f}/s\n")
    print("| path | × bare route | × insert and commit | CPU µs |")
    print("|---|---|---|---|")
    for path in PATHS[1:]:
        rate, used = (statistics.median(column) for column in zip(*found[path], strict=True))
        print(f"| {path} | {rate / bare:.2f} | {rate / commit:.2f} | {used:.0f} |")
    print(flush=True)


def main() -> None:
    """Read the arguments, start the servers, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--callers", type=int, default=64)
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(servers.redis())
        for name in args.database or ("sqlite", "postgresql"):
            url = f"sqlite:///{folder}/bench.sqlite3"
            if name == "postgresql":
                postgres = stack.enter_context(servers.postgres())
                url = stack.enter_context(servers.database(postgres))
            measure(name, url, redis, args, folder)


if __name__ == "__main__":
    main()
