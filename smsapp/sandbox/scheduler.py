"""What makes things happen in time: statuses that fall due, callbacks that are to be posted."""

import logging
import sqlite3
import threading
import time

from smsapp import clock
from smsapp.sandbox.callbacks.callback import record_outcomes, take_back, take_due
from smsapp.sandbox.callbacks.posting import Poster
from smsapp.sandbox.carrier import Carrier
from smsapp.sandbox.database import Database

logger = logging.getLogger(__name__)

# Seconds between two looks at the clock: the most that one commit of many rows is worth waiting.
TICK = 0.01


class Scheduler:
    """One thread that looks at the clock; it sleeps as long as nothing is due."""

    def __init__(self, database: Database, carrier: Carrier, poster: Poster) -> None:
        self._database = database
        self._carrier = carrier
        self._poster = poster
        self._thread = threading.Thread(target=self._tick_until_stopped, daemon=True)
        self._wake = threading.Event()
        self._wakes_at = 0.0
        self._stopping = False
        carrier.on_due = self._fall_due
        poster.on_outcome = self._wake.set

    def start(self) -> None:
        """Start it and the posting. What a crash left half posted is posted again."""
        with self._database.write() as db:
            take_back(db)
        self._poster.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop both; what is not posted yet waits in the file for the next start."""
        self._stopping = True
        self._wake.set()
        self._poster.stop()
        if self._thread.ident:
            self._thread.join(timeout=2)
            self._record_outcomes()

    def idle(self) -> bool:
        """Return whether nothing is still to happen."""
        with self._database.read() as db:
            (busy,) = db.execute(
                "SELECT EXISTS (SELECT 1 FROM step)"
                " OR EXISTS (SELECT 1 FROM receipt WHERE state = 'due')"
                " OR EXISTS (SELECT 1 FROM receipt WHERE state = 'posting')"
            ).fetchone()
        return not busy

    def _fall_due(self, due_at: float) -> None:
        if due_at < self._wakes_at:
            self._wake.set()

    def _tick_until_stopped(self) -> None:
        while not self._stopping:
            try:
                wait = self._tick()
            except sqlite3.OperationalError:
                # Somebody else holds the file, or the disk is full: nothing is lost by waiting.
                logger.exception("the sandbox cannot write its file")
                wait = 1.0
            self._wake.wait(wait)
            self._wake.clear()

    def _tick(self) -> float:
        """Do what is due and return for how many seconds nothing is."""
        self._record_outcomes()
        now = clock.now().timestamp()
        # Whatever is accepted while we look wakes us.
        self._wakes_at = float("inf")
        self._wakes_at = self._next_due()
        if self._wakes_at > now:
            return min(self._wakes_at - now, 1.0)
        self._carrier.move_due(now)
        with self._database.write() as db:
            due = take_due(db, now)
        for each in due:
            self._poster.post(each)
        time.sleep(TICK)
        return 0.0

    def _next_due(self) -> float:
        with self._database.read() as db:
            (due_at,) = db.execute(
                "SELECT min(due_at) FROM (SELECT min(due_at) AS due_at FROM step"
                " UNION ALL SELECT min(due_at) FROM receipt WHERE state = 'due')"
            ).fetchone()
        return float("inf") if due_at is None else float(due_at)

    def _record_outcomes(self) -> None:
        """Write down what became of the tries since the last time, in one commit."""
        outcomes = list(self._poster.outcomes)
        if not outcomes:
            return
        with self._database.write() as db:
            record_outcomes(db, outcomes)
            self._carrier.revision += 1
        for _ in outcomes:
            self._poster.outcomes.popleft()
