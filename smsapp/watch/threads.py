"""The threads that watch: one in each worker, one in each web process.

Each thing is tried on its own, and none of it can stop a text: what fails is logged and comes
again with the next round.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import timedelta

from smsapp.delivery import health, tally
from smsapp.watch import alarms, announce, chores, roll_up

AppContext = Callable[[], AbstractContextManager[object]]

ROUND_SECONDS = 5.0
# How often one web process looks for a worker. Not before it is this old itself: where a whole
# machine starts, the worker may be the last to do so.
LOOK_FOR_WORKER = timedelta(seconds=30)
YOUNG_SECONDS = 60.0

log = logging.getLogger(__name__)


def in_worker(app_context: AppContext, stopping: threading.Event) -> None:
    """Count, look and tell until `stopping` is set, beside the senders."""
    with app_context():
        while not stopping.wait(ROUND_SECONDS):
            _try_each((roll_up.round_, alarms.round_, announce.round_))


def in_web(app_context: AppContext, stopping: threading.Event) -> None:
    """Write down what was tallied, and notice that no worker is there."""
    began = time.monotonic()
    with app_context():
        while not stopping.wait(ROUND_SECONDS):
            is_grown = time.monotonic() - began >= YOUNG_SECONDS
            _try_each((tally.flush, look_for_worker) if is_grown else (tally.flush,))
        _try_each((tally.flush,))


def look_for_worker() -> None:
    """Raise the alarm that no worker is there, and tell it, for then nobody else does."""
    if chores.take("look_for_worker", LOOK_FOR_WORKER):
        alarms.look_for_worker()
        if health.current().worker_is_silent:
            announce.round_()


def start_in_web(app_context: AppContext) -> Callable[[], None]:
    """Watch from this web process; return what ends it."""
    stopping = threading.Event()
    thread = threading.Thread(target=in_web, args=(app_context, stopping), name="watch")
    thread.start()

    def stop() -> None:
        stopping.set()
        thread.join()

    return stop


def _try_each(chores_: Iterable[Callable[[], None]]) -> None:
    for chore in chores_:
        try:
            chore()
        except Exception:  # whatever it is, the next round may do better
            log.exception("could not watch", extra={"kind": chore.__module__})
