"""What makes things happen in time: statuses that fall due, callbacks that are to be posted."""

import logging
import threading
import time

from sqlalchemy import exists, func, or_, select
from sqlalchemy.exc import OperationalError

from smsapp import clock
from smsapp.sandbox import carrier
from smsapp.sandbox.callbacks.callback import take_back, take_due
from smsapp.sandbox.callbacks.posting import Poster
from smsapp.sandbox.calls import line
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.message import Receipt, Step
from smsapp.sandbox.whatsapp import typing_indicator

logger = logging.getLogger(__name__)

# Seconds between two looks at the clock: the most that one commit of many rows is worth waiting.
TICK = 0.01


class Scheduler:
    """One thread that looks at the clock; it sleeps as long as nothing is due."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._poster = Poster(desk)
        self._thread = threading.Thread(target=self._tick_until_stopped, daemon=True)

    def start(self) -> None:
        """Start it. What a crash left half posted is posted again."""
        with self._desk.database.write() as db:
            take_back(db)
        self._thread.start()

    def stop(self) -> None:
        """Stop; what is not posted yet waits in the file for the next start."""
        self._desk.stopping.set()
        self._desk.news.set()
        self._thread.join()
        self._poster.stop()
        self._desk.database.close()

    def _tick_until_stopped(self) -> None:
        while not self._desk.stopping.is_set():
            # Whatever is accepted while we look wakes us.
            self._desk.news.clear()
            try:
                wait = self._tick()
            except OperationalError:
                # Somebody else holds the file, or the disk is full: nothing is lost by waiting.
                logger.exception("the sandbox cannot write its file")
                wait = 1.0
            self._desk.news.wait(wait)

    def _tick(self) -> float:
        """Do what is due and return for how many seconds nothing is."""
        now, due_at = clock.now().timestamp(), next_due(self._desk)
        if due_at > now:
            return min(due_at - now, 1.0)
        carrier.move_due(self._desk, now)
        line.ring_out(self._desk, now)
        with self._desk.database.write() as db:
            due = take_due(db, now)
        for each in due:
            self._poster.post(each)
        time.sleep(TICK)
        return 0.0


def next_due(desk: Desk) -> float:
    """Return when the next thing is to happen; infinity: nothing is."""
    step = select(func.min(Step.due_at)).where(Step.happened_at.is_(None))
    receipt = select(func.min(Receipt.due_at)).where(Receipt.state == "due")
    with desk.database.read() as db:
        found = [db.scalar(step), db.scalar(receipt), typing_indicator.next_end(db)]
        found.append(line.next_end(db))
    return min((at for at in found if at is not None), default=float("inf"))


def idle(desk: Desk) -> bool:
    """Return whether nothing is still to happen."""
    with desk.database.read() as db:
        busy = db.scalar(
            select(
                or_(
                    exists().where(Step.happened_at.is_(None)),
                    exists().where(Receipt.state == "due"),
                    exists().where(Receipt.state == "posting"),
                )
            )
        )
    return not busy
