"""The worker: it sends what is due, and runs the jobs that have to be done beside that.

Any number of them may run, on any machine; the database says who sends what.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from queue import SimpleQueue

from sqlalchemy import Connection

from smsapp import clock_steps, jobs
from smsapp.batches import expanding
from smsapp.delivery import channels, claiming, group_commit, health, leases, reconcile, throttle
from smsapp.delivery.leases import Claim, Rules
from smsapp.delivery.sending import send
from smsapp.extensions import database_now, db, reading, settings
from smsapp.inbound import media, missed
from smsapp.jobs import AppContext, Job
from smsapp.models import Channel
from smsapp.oncall import alarms as on_call_alarms
from smsapp.oncall import escalation
from smsapp.retention import jobs as retention
from smsapp.watch import alarms, announce, roll_up
from smsapp.webhooks import sending as webhooks

log = logging.getLogger(__name__)

# How often an idle worker looks whether a text is due.
POLL_SECONDS = 0.25
AFTER_TROUBLE_SECONDS = 1.0

HEARTBEAT = LEASES = WATCH = timedelta(seconds=5)
LOOK_UPS = FILES = timedelta(seconds=2)
WEBHOOKS = timedelta(seconds=0.5)
ESCALATION = timedelta(seconds=1)
TESTS = timedelta(seconds=1)
BATCHES = timedelta(seconds=0.25)
AT_ONCE = timedelta(0)


def run(app_context: AppContext, stopping: threading.Event) -> None:
    """Send what is due until `stopping` is set, then finish what was claimed.

    A worker claims no more texts than it has idle senders: the rest is left to other workers.
    """
    with app_context():
        senders = settings().worker_threads
        name = f"{socket.gethostname()}:{os.getpid()}"
        idle = threading.Semaphore(senders)
        claimed: SimpleQueue[Claim | None] = SimpleQueue()
        log.info("worker started", extra={"worker": name})
        look_for_missed, *others = _jobs(name, stopping)
        # First, so that nobody is texted whose STOP came in while we were down.
        jobs.run_once(look_for_missed)
        threads = jobs.start((look_for_missed, *others), app_context, stopping)
        for _ in range(senders):
            sender = threading.Thread(
                target=_send_claimed, args=(app_context, claimed, idle), name="sender"
            )
            sender.start()
            threads.append(sender)
        try:
            _claim_until(stopping, name, idle, claimed)
        finally:
            stopping.set()  # a worker that sends no more must not look alive
            for _ in range(senders):
                claimed.put(None)
            for thread in threads:
                thread.join()
            health.sign_off(name)
            log.info("worker stopped", extra={"worker": name})


def _jobs(name: str, stopping: threading.Event) -> tuple[Job, ...]:
    """Return the jobs of a worker; the first one is also to be run before anything is sent."""
    return (
        Job("missed texts", LOOK_UPS, lambda: missed.fetch(stopping)),
        Job("heartbeat", HEARTBEAT, lambda: _beat(name), first_after=AT_ONCE),
        Job("lapsed leases", LEASES, _lapse, first_after=AT_ONCE),
        Job("look-ups", LOOK_UPS, lambda: _look_up(stopping)),
        Job("webhooks", WEBHOOKS, lambda: webhooks.send_due(stopping)),
        Job("escalation", ESCALATION, escalation.tick, first_after=AT_ONCE),
        Job("on-call alarms", WATCH, on_call_alarms.tick),
        Job("tests", TESTS, lambda: _send_tests(stopping)),
        Job("batches", BATCHES, expanding.tick),
        Job("sizes of files", FILES, lambda: media.measure(stopping)),
        Job("roll-up", WATCH, roll_up.tick),
        Job("alarms", WATCH, alarms.tick),
        Job("alarm messages", WATCH, announce.tick),
        *retention.jobs(stopping),
    )


def _beat(name: str) -> None:
    with db.engine.begin() as conn:
        clock_steps.catch_up(conn)
        health.beat(conn, name)


def _lapse() -> None:
    with db.engine.begin() as conn:
        leases.lapse(conn)


def _look_up(stopping: threading.Event) -> None:
    """Ask Twilio about each delivery whose look-up is due."""
    while not stopping.is_set() and reconcile.run():
        pass


def _send_tests(stopping: threading.Event) -> None:
    """Send what test keys have waiting, in a thread of its own: it keeps no real message waiting.

    Claimed and sent as all else is; but it takes neither a claim's time nor a sender.
    """
    while not stopping.is_set():
        with reading() as conn:
            if not throttle.is_anything_due(conn, Channel.TEST, database_now(conn)):
                return
        with db.engine.begin() as conn:
            claims = claiming.claim(conn, settings().worker_threads, leases.rules(), tests=True)
        if not claims:
            return
        for claim in claims:
            send(claim)


def run_once() -> int:
    """Claim and send what is due now, one after the other; return how many."""
    most = settings().worker_threads
    with db.engine.begin() as conn:
        leases.lapse(conn)
        claims = claiming.claim(conn, most, leases.rules())
        claims += claiming.claim(conn, most, leases.rules(), tests=True)
    for claim in claims:
        send(claim)
    return len(claims)


def _claim_until(
    stopping: threading.Event,
    name: str,
    idle: threading.Semaphore,
    claimed: SimpleQueue[Claim | None],
) -> None:
    """Hand what is due to the senders until `stopping` is set."""
    senders = settings().worker_threads
    while not stopping.is_set():
        try:
            claims = _claim(idle, senders)
        except Exception:  # whatever it is, the next time may do better
            log.exception("worker could not claim", extra={"worker": name})
            stopping.wait(AFTER_TROUBLE_SECONDS)
            continue
        for claim in claims:
            claimed.put(claim)
        if not claims:
            stopping.wait(POLL_SECONDS)


def _claim(idle: threading.Semaphore, senders: int) -> list[Claim]:
    """Lease as many due deliveries as there are idle senders; wait a little for the first."""
    if not idle.acquire(timeout=POLL_SECONDS):
        return []
    free = 1
    while free < senders and idle.acquire(blocking=False):
        free += 1
    claims: list[Claim] = []
    try:
        if _may_anything_go():
            claims = group_commit.write(db.engine, _claims, (free, leases.rules()))
    finally:
        for _ in range(free - len(claims)):
            idle.release()
    return claims


def _claims(conn: Connection, rows: list[tuple[int, Rules]]) -> list[list[Claim]]:
    """Claim for callers of group_commit.write; each row is (most, rules).

    A claim is a write like any other of this process and waits its turn with them, which on SQLite
    is only fair.
    """
    return [claiming.claim(conn, most, rules) for most, rules in rows]


def _may_anything_go() -> bool:
    """Whether a text is due and may leave now: a claim in vain would take SQLite's write lock."""
    with reading() as conn:
        now = database_now(conn)
        return any(
            throttle.is_anything_due(conn, channel, now) and throttle.is_open(conn, of, now)
            for channel, of in channels.senders().items()
        )


def _send_claimed(
    app_context: AppContext, claimed: SimpleQueue[Claim | None], idle: threading.Semaphore
) -> None:
    """Send what is put into `claimed`, until that is None.

    Where something goes wrong, the delivery keeps its lease, which lapses: it is then `unknown`.
    """
    with app_context():
        while claim := claimed.get():
            try:
                send(claim)
            except Exception:
                log.exception("not settled", extra={"delivery": str(claim.delivery_id)})
            finally:
                idle.release()


def start(app_context: AppContext) -> Callable[..., None]:
    """Start a worker in a thread of this process; return what ends it.

    It then claims nothing more and finishes what it has claimed; with `wait=False` nobody waits
    until it has.
    """
    stopping = threading.Event()
    thread = threading.Thread(target=run, args=(app_context, stopping), name="worker")
    thread.start()

    def stop(*, wait: bool = True) -> None:
        stopping.set()
        if wait:
            thread.join()

    return stop
