"""The postman: he lets the clock tick and posts receipts and customers' texts, signed."""

import http.client
import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag, urlsplit

from twilio.request_validator import RequestValidator

from smsapp import clock
from smsapp.sandbox.carrier import Carrier
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.line import Answer, Line
from smsapp.sandbox.receipt import Outcome, Receipt, rules_of
from smsapp.sandbox.store import Store

logger = logging.getLogger(__name__)

# Threads, because a receipt may wait 15 s for an app that hangs.
POSTERS = 32
# Seconds between two looks at the clock: the most that one commit of many rows is worth waiting.
TICK = 0.01
# Seconds before the first repeat; each later one waits twice as long.
BACKOFF = 0.2


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of one try."""

    receipt: Receipt
    outcome: Outcome
    answer: str
    first_try_at: float


class Postman:
    """Posts what is due, in the order of each message's statuses."""

    def __init__(self, store: Store, carrier: Carrier, config: SandboxConfig) -> None:
        self._store = store
        self._carrier = carrier
        self._config = config
        self._signer = RequestValidator(config.auth_token)
        # One bag per poster.
        self._bags: list[queue.SimpleQueue[Receipt | None]] = [
            queue.SimpleQueue() for _ in range(POSTERS)
        ]
        self._finished: deque[Finished] = deque()
        # Obeys what the app answers to a customer's text; returns a remark.
        self.on_text_answered: Callable[[Receipt, Answer], str] = lambda receipt, answer: ""
        self._bell = threading.Event()
        self._wakes_at = 0.0
        self._stopping = False
        self._threads: list[threading.Thread] = []
        carrier.on_due = self._ring

    def start(self) -> None:
        """Start the threads. What a crash left half posted is posted again."""
        with self._store.write() as db:
            db.execute("UPDATE receipt SET state = 'due' WHERE state = 'posting'")
        jobs = [threading.Thread(target=self._post_all, args=(bag,)) for bag in self._bags]
        self._threads = [threading.Thread(target=self._tick_until_stopped), *jobs]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def stop(self) -> None:
        """Stop; what is not posted yet waits in the file for the next start."""
        self._stopping = True
        self._bell.set()
        for bag in self._bags:
            bag.put(None)
        for thread in self._threads:
            thread.join(timeout=2)
        if self._threads:
            self._settle()

    def idle(self) -> bool:
        """Return whether nothing is still to happen."""
        with self._store.read() as db:
            (busy,) = db.execute(
                "SELECT EXISTS (SELECT 1 FROM step)"
                " OR EXISTS (SELECT 1 FROM receipt WHERE state = 'due')"
                " OR EXISTS (SELECT 1 FROM receipt WHERE state = 'posting')"
            ).fetchone()
        return not busy

    def _ring(self, due_at: float) -> None:
        if due_at < self._wakes_at:
            self._bell.set()

    def _tick_until_stopped(self) -> None:
        while not self._stopping:
            try:
                wait = self._tick()
            except sqlite3.OperationalError:
                # Somebody else holds the file, or the disk is full: nothing is lost by waiting.
                logger.exception("the sandbox cannot write its file")
                wait = 1.0
            self._bell.wait(wait)
            self._bell.clear()

    def _tick(self) -> float:
        """Do what is due and return for how many seconds nothing is."""
        self._settle()
        now = clock.now().timestamp()
        # Whatever is accepted while we look rings the bell.
        self._wakes_at = float("inf")
        self._wakes_at = self._next_due()
        if self._wakes_at > now:
            return min(self._wakes_at - now, 1.0)
        self._carrier.move_due(now)
        self._hand_out(now)
        time.sleep(TICK)
        return 0.0

    def _next_due(self) -> float:
        with self._store.read() as db:
            (due_at,) = db.execute(
                "SELECT min(due_at) FROM (SELECT min(due_at) AS due_at FROM step"
                " UNION ALL SELECT min(due_at) FROM receipt WHERE state = 'due')"
            ).fetchone()
        return float("inf") if due_at is None else float(due_at)

    def _hand_out(self, now: float) -> None:
        with self._store.write() as db:
            rows = db.execute(
                "UPDATE receipt SET state = 'posting' WHERE id IN (SELECT id FROM receipt"
                " WHERE state = 'due' AND due_at <= ? ORDER BY due_at, id LIMIT 500)"
                " RETURNING id, sid, status, url, body, token, tries, first_try_at, due_at",
                (now,),
            ).fetchall()
        for *row, _ in sorted(rows, key=lambda row: (row[-1], row[0])):
            receipt = Receipt(*row)
            # One poster per lane: on a calm day what is in it arrives in order.
            self._bags[hash(receipt.lane()) % POSTERS].put(receipt)

    def _settle(self) -> None:
        """Write down what became of the tries since the last time, in one commit."""
        finished = list(self._finished)
        if not finished:
            return
        now = clock.now().timestamp()
        with self._store.write() as db:
            db.executemany(
                "UPDATE receipt SET state = ?, due_at = ?, tries = ?, first_try_at = ?, answer = ?"
                " WHERE id = ?",
                [self._verdict(done, now) for done in finished],
            )
            self._carrier.revision += 1
        for _ in finished:
            self._finished.popleft()

    def _verdict(self, done: Finished, now: float) -> tuple[object, ...]:
        tries = done.receipt.tries + 1
        rules = rules_of(done.receipt.url)
        again = rules.again(done.outcome, tries, now - done.first_try_at)
        wait = BACKOFF * 2 ** (tries - 1) * self._config.pace if again else 0
        state = "due" if again else "done"
        return state, now + wait, tries, done.first_try_at, done.answer, done.receipt.id

    def _post_all(self, bag: "queue.SimpleQueue[Receipt | None]") -> None:
        line = Line()
        while (receipt := bag.get()) is not None and not self._stopping:
            first_try_at = receipt.first_try_at or clock.now().timestamp()
            outcome, answer = self._post(line, receipt)
            self._finished.append(Finished(receipt, outcome, answer, first_try_at))
            self._bell.set()
        line.hang_up()

    def _post(self, line: Line, receipt: Receipt, fresh: bool = False) -> tuple[Outcome, str]:
        # The fragment steers Twilio itself; it is neither sent nor signed.
        url = urldefrag(receipt.url).url
        if not self._config.reaches(urlsplit(url).hostname):
            return "ok", "kept here: not an address on this machine"
        rules = rules_of(receipt.url)
        try:
            kept = line.dial(url, rules.connect_timeout, fresh)
        except (OSError, http.client.HTTPException, ValueError):
            return "ct", "no connection"
        try:
            answer = line.post(url, receipt.body, self._headers(url, receipt), rules.read_timeout)
        except TimeoutError:
            return "rt", "no answer in time"
        except ConnectionError:
            # The app may hang up on an idle connection just as it is used again.
            return self._post(line, receipt, fresh=True) if kept else ("rt", "connection cut")
        except (OSError, http.client.HTTPException, ValueError):
            return "rt", "no readable answer"
        if answer.status >= 400:
            return ("5xx" if answer.status >= 500 else "4xx"), str(answer.status)
        remark = self.on_text_answered(receipt, answer) if receipt.inbound else ""
        return "ok", f"{answer.status}{remark}"

    def _headers(self, url: str, receipt: Receipt) -> dict[str, str]:
        fields = dict(parse_qsl(receipt.body, keep_blank_values=True))
        return {
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": self._signer.compute_signature(url, fields),
            "I-Twilio-Idempotency-Token": receipt.token,
            "X-Home-Region": "us1",
        }
