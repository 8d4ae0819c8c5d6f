"""How many webhooks a second reach callers, and what events are accepted beside that.

    make bench                                     with the hot paths, on both databases
    python -m benchmarks.webhooks --database sqlite --seconds 5

One worker, two web processes, a sink that answers after 5 ms and who tells the events share this
machine. A wave of webhooks waits when the worker starts; each event brings another.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import gevent
from gevent.server import StreamServer
from sqlalchemy import create_engine, text

from benchmarks.hot_paths import (
    BIN,
    ROOT,
    Installation,
    Twilio,
    environment_of,
    load,
    message,
    read,
    serving,
)
from tests import servers

SINK_SECONDS = 0.005
WANTED = 500
PATH = "order, async"


class Sink:
    """A caller's server, which answers 204 after a few milliseconds and counts."""

    def __init__(self) -> None:
        self.taken = 0
        self.server = StreamServer(("127.0.0.1", 0), self._serve)
        self.server.start()

    def _serve(self, connection: gevent.socket.socket, _address: object) -> None:
        while read(connection):
            gevent.sleep(SINK_SECONDS)
            connection.sendall(message(b"HTTP/1.1 204 No Content", b"", b"text/plain"))
            self.taken += 1


@contextmanager
def working(environment: dict[str, str]) -> Iterator[None]:
    """Run a worker beside."""
    with Path(environment["LOG"]).open("ab") as log:
        worker = subprocess.Popen(
            [BIN / "flask", "worker"], cwd=ROOT, env=environment, stderr=log, stdout=log
        )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(40)


def fill(url: str, count: int) -> None:
    """Let at least so many webhooks wait, of the deliveries there are, and no delivery."""
    engine = create_engine(url)
    with engine.begin() as conn:
        pending = conn.scalar(text("SELECT count(*) FROM webhook WHERE state = 'pending'")) or 0
        step = text(
            "UPDATE delivery SET due_at = NULL,"
            " state = CASE state WHEN 'sent' THEN 'delivered' ELSE 'sent' END"
            " WHERE state IN ('pending', 'sent', 'delivered')"
        )
        while pending < count:
            pending += conn.execute(step).rowcount
    engine.dispose()


def warm_up(installation: Installation, port: int, callers: int) -> None:
    """Tell some events, and wait until the worker has begun to send them."""
    sent = len(installation.twilio.callbacks)
    load(port, installation.request(PATH), callers, 1, sys.maxsize)
    deadline = time.perf_counter() + 30
    while len(installation.twilio.callbacks) == sent and time.perf_counter() < deadline:
        gevent.sleep(0.1)


def measure(name: str, url: str, redis: str, args: argparse.Namespace, folder: Path) -> None:
    """Measure on one database and print the rows of its table."""
    twilio, sink = Twilio(), Sink()
    environment = environment_of(url, redis, twilio, folder) | {"WEBHOOK_ALLOW_PRIVATE": "true"}
    installation = Installation(environment, twilio)
    alone, beside, rates, drained = [], [], [], []
    for turn in range(args.rounds):
        with serving("wsgi:app", environment) as (port, _), working(environment):
            warm_up(installation, port, args.callers)
            rate = load(port, installation.request(PATH), args.callers, args.seconds, sys.maxsize)
            alone.append(rate)
        if turn == 0:
            sink_url = f"http://127.0.0.1:{sink.server.server_port}/"
            installation.flask("webhook-endpoint", "create", "sink", sink_url)
        installation.flask("webhook-endpoint", "enable", "sink")
        fill(url, int(args.seconds * 3 * WANTED))
        with serving("wsgi:app", environment) as (port, _), working(environment):
            warm_up(installation, port, args.callers)
            before, began = sink.taken, time.perf_counter()
            rate = load(port, installation.request(PATH), args.callers, args.seconds, sys.maxsize)
            beside.append(rate)
            rates.append((sink.taken - before) / (time.perf_counter() - began))
            before, began = sink.taken, time.perf_counter()
            gevent.sleep(args.seconds)
            drained.append((sink.taken - before) / (time.perf_counter() - began))
        installation.flask("webhook-endpoint", "disable", "sink")
        print(
            f"  {name:10} {alone[-1]:.0f} {beside[-1]:.0f} {rates[-1]:.0f} {drained[-1]:.0f}/s",
            file=sys.stderr,
            flush=True,
        )
    twilio.server.stop()
    sink.server.stop()
    told, rest, free = (statistics.median(column) for column in (rates, drained, alone))
    print(f"\n{name}: webhooks to a sink at {SINK_SECONDS * 1000:.0f} ms, wanted {WANTED}/s\n")
    print("| | a second |")
    print("|---|---|")
    print(f"| webhooks, nothing else to do | {rest:.0f} |")
    print(f"| webhooks, while events are told as fast as can be | {told:.0f} |")
    print(
        f"| events accepted beside them, × without an endpoint | "
        f"{statistics.median(beside) / free:.2f} |"
    )
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
            url = f"sqlite:///{folder}/webhooks.sqlite3"
            if name == "postgresql":
                postgres = stack.enter_context(servers.postgres())
                url = stack.enter_context(servers.database(postgres))
            measure(name, url, redis, args, folder)


if __name__ == "__main__":
    main()
