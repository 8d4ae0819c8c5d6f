"""The proof: rough weather, processes killed every 2 s, and the carrier's own list as the judge.

    python -m benchmarks.proof --events 10000 --database postgresql

Real web and worker processes, the sandbox for Twilio, and callers that repeat what was not
answered, as services do. It ends with a table, and with 0 only if no text was lost, none was sent
twice and none is left unknown.
"""

import argparse
import itertools
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text

from tests import servers
from tests.conftest import shipment
from tests.system import System, answers, installation, kill, post, wait_for

# Percent of the calls to Twilio, or of its receipts, and milliseconds.
STORM = {
    "latency_ms": 20,
    "error_before": 5,
    "error_after": 5,
    "timeout_after": 1,
    "reset_after": 5,
    "lost_receipts": 20,
    "repeated_receipts": 20,
    "reordered_receipts": 20,
}
# Many 429s lower what is sent in a second, for half a minute and more. So they come in squalls:
# while every tenth process is killed.
SQUALL, SQUALL_EVERY_KILLS = {"too_many_requests": 1}, 10
# Shorter than by default, so that it is over sooner: what is awaited is the same.
SETTINGS = {
    "LEASE_SECONDS": "15",
    "RECONCILE_GRACE_SECONDS": "5",
    "API_RATE_LIMIT": "10000000/minute",
    "EMBEDDED_WORKER": "false",
}
WEBS, WORKERS = 2, 2
KILL_EVERY_SECONDS = 2
REPORT_EVERY_SECONDS = 5
# Until whatever is open has to be settled once the weather is fair.
CALM_SECONDS = 300
AREAS = (201, 202, 203, 205, 206, 207, 208, 209, 210, 212)
OPEN_STATES = ("pending", "sending", "unknown")


def main() -> int:
    """Run it and return the exit code."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and all that was started
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proof-")))
        system = stack.enter_context(_installation(given.database, folder))
        engine = create_engine(system.environment["DATABASE_URL"])
        stack.callback(engine.dispose)
        run = Run(system, engine, given.events, given.seed)
        print(f"{given.events} events on {given.database}, seed {given.seed}")
        print("weather:", ", ".join(f"{name} {value}" for name, value in STORM.items()))
        print("in squalls:", ", ".join(f"{name} {value}" for name, value in SQUALL.items()))
        print("settings:", ", ".join(f"{name}={value}" for name, value in SETTINGS.items()))
        run.storm(given.callers)
        run.calm()
        return run.judge()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000, help="up to 100,000")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1, help="of callers and kills")
    return parser.parse_args()


@contextmanager
def _installation(database: str, folder: Path) -> Iterator[System]:
    """Set up an empty installation: on SQLite, or on PostgreSQL and Redis of its own."""
    with ExitStack() as stack:
        settings = dict(SETTINGS)
        url = f"sqlite:///{folder}/proof.sqlite3"
        if database == "postgresql":
            url = stack.enter_context(servers.database(stack.enter_context(servers.postgres())))
            settings["RATELIMIT_STORAGE_URI"] = stack.enter_context(servers.redis())
        yield stack.enter_context(installation(url, folder, **settings))


class Run:
    """One run: what is started, killed, called and counted."""

    def __init__(self, system: System, engine: Engine, events: int, seed: int) -> None:
        self.system, self.engine, self.events = system, engine, events
        self.dice = random.Random(seed)
        self.began = time.monotonic()
        self.over = threading.Event()  # the storm
        self.told: Counter[str] = Counter()  # what callers were answered
        self.kills: Counter[str] = Counter()
        self.accepted = 0
        self.storm_seconds = self.calm_seconds = 0.0
        ports = [system.port, *(_free_ports(WEBS - 1))]
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        # What keeps each place filled, and the process that does now.
        self.places: list[tuple[str, Callable[[], subprocess.Popen[bytes]]]] = [
            *(("web", lambda port=port: self._web(port)) for port in ports),
            *(("worker", system.worker) for _ in range(WORKERS)),
        ]
        self.processes = [start() for _, start in self.places]

    def _web(self, port: int) -> subprocess.Popen[bytes]:
        return self.system.start("gunicorn", "wsgi:app", "-b", f"127.0.0.1:{port}")

    def storm(self, callers: int) -> None:
        """Have all events accepted and nearly all sent, in the worst of weathers."""
        for url in self.urls:
            wait_for(lambda url=url: answers(f"{url}/readyz"), seconds=90)
        self.began = time.monotonic()
        self.system.sandbox.weather(**STORM)
        killer = threading.Thread(target=self._kill_until_over)
        killer.start()
        numbers = iter(range(self.events))
        guard = threading.Lock()

        def call() -> None:
            while True:
                with guard:
                    number = next(numbers, None)
                if number is None or self.over.is_set():
                    return
                self._have_accepted(number)
                with guard:
                    self.accepted += 1

        with ThreadPoolExecutor(callers) as pool:
            try:
                jobs = [pool.submit(call) for _ in range(callers)]
                self._wait(lambda: all(job.done() for job in jobs))
                self._wait(lambda: self._states()["pending"] <= self.events // 100)
            finally:
                self.over.set()
                killer.join()
        for job in jobs:
            job.result()
        self.storm_seconds = time.monotonic() - self.began

    def calm(self) -> None:
        """Let the weather clear, and wait until nothing is open."""
        self.system.sandbox.clear_weather()
        self._say("fair weather; nobody is killed any more")
        fair_since = time.monotonic()
        self._wait(lambda: not self._open(), CALM_SECONDS)
        self.calm_seconds = time.monotonic() - fair_since

    def judge(self) -> int:
        """Print what the carrier has, and return 0 if each event is one text."""
        texts = Counter(str(message["body"]) for message in self.system.sandbox.messages())
        of_event = [texts[_body(number)] for number in range(self.events)]
        verdict = {
            "lost": of_event.count(0),
            "twice": sum(count > 1 for count in of_event),
            "left unknown": self._states()["unknown"],
        }
        rows: dict[str, Any] = {
            "events": self.events,
            "accepted": self.accepted,
            "texts at the carrier": texts.total(),
            "of no event of ours": texts.total() - sum(of_event),
            **verdict,
            "web processes killed": self.kills["web"],
            "worker processes killed": self.kills["worker"],
            **{f"callers were told {what}": count for what, count in sorted(self.told.items())},
            **{f"calls to Twilio: {what}": count for what, count in self._calls()},
            **{f"deliveries {state}": count for state, count in sorted(self._states().items())},
            "seconds of storm": round(self.storm_seconds),
            "seconds of calm until all was settled": round(self.calm_seconds),
        }
        print()
        for name, value in rows.items():
            print(f"{name:44}{value:>8}")
        is_proved = (
            not any(verdict.values())
            and not self._open()
            and texts.total() == self.accepted == self.events
        )
        print("\nEach event is one text." if is_proved else "\nNOT PROVED.")
        return 0 if is_proved else 1

    def _have_accepted(self, number: int) -> None:
        """Post an event until it is accepted, each time to another web process."""
        prefer = {"Prefer": "respond-async"} if number % 2 else {}
        for url in itertools.cycle(self.urls[number % WEBS :] + self.urls[: number % WEBS]):
            answer = post(url, self.system.key, _event(number), **prefer)
            self.told[str(answer[0]) if answer else "nothing: the connection broke"] += 1
            if (answer and answer[0] in {200, 202}) or self.over.is_set():
                return
            time.sleep(self.dice.uniform(0.05, 0.5))

    def _kill_until_over(self) -> None:
        """Kill a process every KILL_EVERY_SECONDS, and start it again at once."""
        while not self.over.wait(KILL_EVERY_SECONDS):
            place = self.dice.randrange(len(self.places))
            kind, start = self.places[place]
            kill(self.processes[place])
            self.kills[kind] += 1
            self.processes[place] = start()
            is_squall = self.kills.total() % SQUALL_EVERY_KILLS == 0
            self.system.sandbox.weather(**{name: SQUALL[name] * is_squall for name in SQUALL})

    def _wait(self, done: Callable[[], bool], seconds: float = float("inf")) -> None:
        """Wait until something is so, or the time is up, and tell how it goes."""
        deadline = time.monotonic() + seconds
        report_at = 0.0
        while not done() and time.monotonic() < deadline:
            if time.monotonic() >= report_at:
                states = self._states()
                still = ", ".join(f"{states[state]} {state}" for state in OPEN_STATES)
                self._say(
                    f"{self.accepted} accepted, {len(self.system.sandbox.messages())} texts at the"
                    f" carrier, {still}, {self.kills.total()} kills"
                )
                report_at = time.monotonic() + REPORT_EVERY_SECONDS
            time.sleep(0.5)

    def _say(self, words: str) -> None:
        print(f"{time.monotonic() - self.began:6.0f} s  {words}", flush=True)

    def _states(self) -> Counter[str]:
        return Counter(dict(self._rows("SELECT state, count(*) FROM delivery GROUP BY state")))

    def _open(self) -> int:
        states = self._states()
        return sum(states[state] for state in OPEN_STATES)

    def _calls(self) -> list[tuple[str, int]]:
        """Return how many calls came to what."""
        rows = self._rows(
            "SELECT coalesce(outcome, 'told by a receipt alone'), coalesce(trouble, ''),"
            " coalesce(error_code, 0), count(*) FROM attempt GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        words: Counter[str] = Counter()
        for outcome, trouble, code, count in rows:
            is_refusal = outcome == "refused" and code
            words[" ".join(filter(None, (outcome, str(code) if is_refusal else trouble)))] += count
        return sorted(words.items())

    def _rows(self, statement: str) -> list[Any]:
        with self.engine.connect() as conn:
            return [tuple(row) for row in conn.execute(text(statement))]


def _event(number: int) -> dict[str, Any]:
    phone = f"+1{AREAS[number // 10_000]}555{number % 10_000:04}"
    return shipment(f"order-{number:06}-shipped", orderId=f"{number:06}", phone=phone)


def _body(number: int) -> str:
    return f"Your order {number:06} has shipped. Tracking: {_event(number)['trackingUrl']}"


def _free_ports(count: int) -> list[int]:
    return [servers._free_port() for _ in range(count)]


if __name__ == "__main__":
    sys.exit(main())
