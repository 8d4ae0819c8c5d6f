"""What each web process does every so often, beside its requests."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from smsapp import jobs, tally
from smsapp.clock_steps import STEP
from smsapp.delivery import health
from smsapp.extensions import limiter, settings
from smsapp.jobs import AppContext, Job, claim_job
from smsapp.watch import alarms, announce, rules

EVERY = timedelta(seconds=5)
# How often one of all web processes looks for a worker. None looks before it is this old itself:
# where a whole machine starts, the worker may be the last to do so.
LOOK_FOR_WORKER = timedelta(seconds=30)
GROWN_UP = timedelta(minutes=1)


def start(app_context: AppContext) -> Callable[[], None]:
    """Start the jobs of a web process; return what ends them."""
    stopping = threading.Event()
    clock = Job("clock", EVERY, limits_end_in_time())
    threads = jobs.start((FLUSH_TALLY, NO_WORKER, clock), app_context, stopping)

    def stop() -> None:
        stopping.set()
        for thread in threads:
            thread.join()
        with app_context():  # what was counted since it was last written down
            jobs.run_once(FLUSH_TALLY)

    return stop


def look_for_worker() -> None:
    """Raise the alarm that no worker is there, and post it: without a worker nobody else does."""
    if not claim_job("look_for_worker", LOOK_FOR_WORKER):
        return
    alarms.evaluate({rules.no_worker: rules.RULES[rules.no_worker]})
    if health.current().worker_is_silent:
        announce.tick()


def limits_end_in_time() -> Callable[[], None]:
    """Return what forgets all counts of requests when the clock was set back.

    Those in memory end at an hour of the clock, which would come so much later. Redis has a clock
    of its own.
    """
    offset = time.time() - time.monotonic()

    def look() -> None:
        nonlocal offset
        before, offset = offset, time.time() - time.monotonic()
        in_memory = settings().ratelimit_storage_uri.startswith("memory")
        if in_memory and before - offset > STEP.total_seconds():
            limiter.reset()

    return look


FLUSH_TALLY = Job("tally", EVERY, tally.flush)
NO_WORKER = Job("look for worker", EVERY, look_for_worker, first_after=GROWN_UP)
