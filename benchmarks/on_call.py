"""A storm of incidents, and an escalation under fire: who is texted how often.

    python -m benchmarks.on_call                            both, on SQLite and PostgreSQL
    python -m benchmarks.on_call --database sqlite --events 1000 --seconds 6

The storm: 10,000 incident_opened of 50 keys in a minute, from 64 callers with a key each. At most
50 incidents may come of it, each of those on call may be texted no more than the bundling allows,
and one reply takes them all. Then an escalation of four steps, with the web process and the worker
killed (SIGKILL) every two seconds: each step has to be taken once.

The callers, the server, the worker, the database and the sandbox share this machine.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from json import dumps
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import func, select

from smsapp import api_keys
from smsapp.api_keys import Scope
from smsapp.extensions import db
from smsapp.models import Incident, IncidentEvent, IncidentState
from tests import servers
from tests.conftest import make_app
from tests.flows.test_on_call import STEPS, on_call_at, pages, under_fire
from tests.oncall.conftest import ANN
from tests.system import System, wait_for

KEYS, CALLERS = 50, 64
STORM = 5  # ONCALL_STORM as it is shipped


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Yield an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.sqlite3'}"
        return
    with servers.postgres() as server, servers.database(server) as url:
        yield url


def storm(system: System, events: int, seconds: float) -> None:
    """Tell of so many events in so many seconds, and print what came of it."""
    with make_app(**system.environment).app_context():
        keys = [api_keys.create(f"monitor {number}", {Scope.SEND}) for number in range(CALLERS)]
        db.engine.dispose()
    url, _ = system.web()
    worker = system.worker()
    times: list[float] = []
    faults: list[object] = []
    began = time.monotonic()

    def call(caller: int) -> None:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        headers = {
            "Authorization": f"Bearer {keys[caller]}",
            "Content-Type": "application/json",
        }
        for number in range(caller, events, CALLERS):
            time.sleep(max(0.0, began + seconds * number / events - time.monotonic()))
            key = f"key-{number % KEYS:02}"
            body = {
                "eventId": f"event-{number:06}",
                "incidentKey": key,
                "title": f"{key} is down",
                "severity": "critical",
            }
            asked = time.monotonic()
            connection.request("POST", "/api/events/incident_opened", dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            times.append(time.monotonic() - asked)
            if answer.status != 202:
                faults.append(answer.status)

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    with system.engine.connect() as conn:
        incidents = conn.scalar(select(func.count()).select_from(Incident))
        counted = conn.scalar(select(func.sum(Incident.events)))
        told = conn.scalar(select(func.count()).select_from(IncidentEvent))
    cuts = statistics.quantiles(times, n=100)
    print(f"  {events:,} events in {took:.0f} s: p50 {cuts[49] * 1000:.0f} ms, p99", end=" ")
    print(f"{cuts[98] * 1000:.0f} ms, refused {len(faults)}")
    print(f"  {incidents} incidents, which count {counted:,} of {told:,} events")
    # Until the bundle is told, which a minute after its first is.
    wait_for(lambda: any("more: " in body for body in said(system)), worker, 90)
    texts = system.texts()
    print(f"  texts by person: {dict(texts)}; {STORM} pages and a bundle in 5 minutes are the most")
    began = time.monotonic()
    system.sandbox.text(ANN, "99")
    wait_for(lambda: open_now(system) == 0, worker)
    print(f"  one reply took all of them, after {time.monotonic() - began:.1f} s")
    minutes = seconds / 60 + 1.5
    most = (STORM + 1) * (1 + int(minutes // 5))
    # An escalation may have reached the next person meanwhile, who has the same limit.
    assert incidents == KEYS, incidents
    assert (counted, told, faults) == (events, events, []), (counted, told, faults)
    assert max(texts.values()) <= most, texts


def said(system: System) -> list[str]:
    return [str(message["body"]) for message in system.sandbox.messages()]


def open_now(system: System) -> int:
    with system.engine.connect() as conn:
        is_open = Incident.state == IncidentState.OPEN
        return int(conn.scalar(select(func.count()).where(is_open)) or 0)


def main() -> None:
    about = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    about.add_argument("--database", choices=["sqlite", "postgresql"])
    about.add_argument("--events", type=int, default=10_000)
    about.add_argument("--seconds", type=float, default=60)
    asked = about.parse_args()
    for kind in [asked.database] if asked.database else ["sqlite", "postgresql"]:
        print(f"{kind}: a storm")
        with (
            tempfile.TemporaryDirectory() as folder,
            database(kind, Path(folder)) as url,
            on_call_at(url, Path(folder), minutes=10, ONCALL_STORM=str(STORM)) as system,
        ):
            storm(system, asked.events, asked.seconds)
        print(f"{kind}: an escalation, with all killed every 2 s")
        with tempfile.TemporaryDirectory() as folder, database(kind, Path(folder)) as url:
            escalation(url, Path(folder))


def escalation(url: str, folder: Path) -> None:
    """Let an incident go through its steps while all is killed, and print how that went."""
    with on_call_at(url, folder) as system:
        rounds = under_fire(system, 300)
        system.web()
        worker = system.worker()
        wait_for(lambda: not system.unsettled(), worker, 60)
        time.sleep(2)
        texts = sum(system.texts().values())
        print(f"  killed {rounds} times; steps taken: {pages(system)}; texts: {texts}")
        assert pages(system) == [*range(STEPS)]
        assert texts == STEPS


if __name__ == "__main__":
    sys.exit(main())
