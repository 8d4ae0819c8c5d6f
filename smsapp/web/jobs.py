"""What each web process does every so often, beside its requests."""

import threading
from collections.abc import Callable
from datetime import timedelta

from smsapp import jobs
from smsapp.delivery import health, tally
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
    threads = jobs.start((FLUSH_TALLY, NO_WORKER), app_context, stopping)

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


FLUSH_TALLY = Job("tally", EVERY, tally.flush)
NO_WORKER = Job("look for worker", EVERY, look_for_worker, first_after=GROWN_UP)
