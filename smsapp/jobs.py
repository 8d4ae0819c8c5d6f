"""What a process does every so often, beside its requests or its sending.

Each job has a thread of its own, so that a slow one delays no other: Twilio may take ten seconds
to answer, and a heartbeat must not wait for that.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from smsapp.extensions import database_now, db, insert_into, reading
from smsapp.models import ScheduledJob

log = logging.getLogger(__name__)

AppContext = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done every so often.

    Attributes:
        name: What its thread and its log lines are called.
        every: How long it rests after each run, give or take half of that: processes that were
            started together should not all come to the database at the same moment.
        run: Does it once.
        first_after: How long after the start it runs for the first time; None: after a rest.
    """

    name: str
    every: timedelta
    run: Callable[[], object]
    first_after: timedelta | None = None


def start(
    jobs: Iterable[Job], app_context: AppContext, stopping: threading.Event
) -> list[threading.Thread]:
    """Run these jobs until `stopping` is set; return their threads, which the caller joins."""
    threads = [
        threading.Thread(target=_repeat, args=(job, app_context, stopping), name=job.name)
        for job in jobs
    ]
    for thread in threads:
        thread.start()
    return threads


def run_once(job: Job) -> None:
    """Run a job now. What goes wrong is logged, for the next time may do better."""
    try:
        job.run()
    except Exception:  # whatever it is: it must not end the job's thread
        log.exception("job failed", extra={"job": job.name})


def _repeat(job: Job, app_context: AppContext, stopping: threading.Event) -> None:
    wait = _rest(job) if job.first_after is None else job.first_after
    with app_context():
        while not stopping.wait(wait.total_seconds()):
            run_once(job)
            wait = _rest(job)


def _rest(job: Job) -> timedelta:
    return job.every * random.uniform(0.5, 1.5)  # noqa: S311  not a secret


def claim_job(name: str, every: timedelta) -> bool:
    """Claim what only one process is to do for all; return whether it is the caller's now.

    One caller in each `every` has it, whatever its process and machine. Nothing has to be
    unlocked: should that process be killed, another has the job when it is due again.
    """
    with reading() as conn:  # most ask too early, and need no lock to see that
        due_at = conn.scalar(select(ScheduledJob.due_at).where(ScheduledJob.name == name))
        if due_at is not None and due_at > database_now(conn):
            return False
    with db.engine.begin() as conn:
        now = database_now(conn)
        if due_at is None:
            first = insert_into(conn, ScheduledJob).values(name=name, due_at=now)
            conn.execute(first.on_conflict_do_nothing())
        is_due = (ScheduledJob.name == name) & (ScheduledJob.due_at <= now)
        claim = update(ScheduledJob).where(is_due).values(due_at=now + every)
        return bool(conn.execute(claim.returning(ScheduledJob.name)).all())


def postpone_job(name: str, until: datetime) -> None:
    """Let nobody claim a job before a time, because it took long."""
    with db.engine.begin() as conn:
        conn.execute(update(ScheduledJob).where(ScheduledJob.name == name).values(due_at=until))
