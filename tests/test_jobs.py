"""What is done every so often: each job by itself, and what is done once for all by one."""

import threading
from collections import Counter
from datetime import timedelta

import pytest

from smsapp import jobs, tally, worker
from smsapp.delivery import reconcile
from smsapp.jobs import Job
from smsapp.logs import JsonFormatter
from smsapp.models import Tally, Worker
from smsapp.web import jobs as web_jobs
from tests.conftest import at_once
from tests.system import wait_for

MINUTE = timedelta(minutes=1)
SOON = timedelta(milliseconds=10)
AT_ONCE = timedelta(0)
SECONDS = 20


@pytest.fixture
def running(app):
    """Start jobs; they end with the test."""
    stopping, threads = threading.Event(), []

    def run(*some):
        threads.extend(jobs.start(some, app.app_context, stopping))
        return stopping, threads

    yield run
    stopping.set()
    for thread in threads:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in threads)


def test_a_job_that_fails_is_logged_and_comes_again(running, caplog):
    runs, thrice = Counter(), threading.Event()

    def fails():
        runs["fails"] += 1
        if runs["fails"] == 3:
            thrice.set()
        raise ValueError("+12025550123")

    running(Job("one that fails", SOON, fails))
    assert thrice.wait(SECONDS)
    failed = [record for record in caplog.records if record.msg == "job failed"]
    assert len(failed) >= 2
    line = JsonFormatter().format(failed[0])
    assert '"job":"one that fails"' in line
    assert "2025550123" not in line


def test_a_slow_job_delays_no_other(running):
    answer, thrice, runs = threading.Event(), threading.Event(), Counter()

    def beats():
        runs["beat"] += 1
        if runs["beat"] == 3:
            thrice.set()

    running(
        Job("slow", SOON, lambda: answer.wait(SECONDS), first_after=AT_ONCE),
        Job("heartbeat", SOON, beats, first_after=AT_ONCE),
    )
    assert thrice.wait(SECONDS)
    assert not answer.is_set()
    answer.set()


def test_a_job_rests_before_it_runs_unless_it_is_told_when_to(running):
    runs, began = Counter(), threading.Event()

    def first():
        runs["first"] += 1
        began.set()

    running(
        Job("rests", MINUTE, lambda: runs.update(["rests"])),
        Job("young", SOON, lambda: runs.update(["young"]), first_after=MINUTE),
        Job("first", MINUTE, first, first_after=AT_ONCE),
    )
    assert began.wait(SECONDS)
    assert runs == {"first": 1}


def test_jobs_that_began_together_do_not_stay_together():
    rests = [jobs._rest(Job("any", MINUTE, lambda: None)) for _ in range(300)]
    assert 0.5 * MINUTE <= min(rests) < 0.6 * MINUTE
    assert 1.4 * MINUTE < max(rests) <= 1.5 * MINUTE


def test_a_job_at_rest_ends_at_once(running):
    stopping, threads = running(Job("at rest", 60 * MINUTE, lambda: None))
    stopping.set()
    threads[0].join(SECONDS)
    assert not threads[0].is_alive()


def test_one_of_many_claims_a_job_until_it_is_due_again(app, now):
    with app.app_context():
        claims = Counter(jobs.claim_job("alarms", MINUTE) for _ in range(5))
        assert claims == {True: 1, False: 4}
        jobs.postpone_job("alarms", now - MINUTE)
        assert jobs.claim_job("alarms", MINUTE)


def test_a_job_that_is_postponed_is_nobodys(app, now):
    with app.app_context():
        assert jobs.claim_job("roll_up", AT_ONCE)
        jobs.postpone_job("roll_up", now + MINUTE)
        assert not jobs.claim_job("roll_up", AT_ONCE)


def test_of_many_who_claim_a_job_at_once_one_has_it(app):
    start, claims = threading.Barrier(8), []

    def claim():
        with app.app_context():
            start.wait()
            claims.append(jobs.claim_job("roll_up", MINUTE))

    at_once(*[claim] * 8)
    assert sorted(claims) == [False] * 7 + [True]


def test_a_web_process_writes_down_what_it_counted_when_it_ends(app, rows):
    with app.app_context():
        tally.flush()  # what other tests have left in this process
    before = sum(row.count for row in rows.all(Tally) if row.what == tally.SIGNATURE)
    stop = web_jobs.start(app.app_context)
    tally.note(tally.SIGNATURE)
    stop()
    assert sum(r.count for r in rows.all(Tally) if r.what == tally.SIGNATURE) == before + 1


def test_a_worker_beats_while_twilio_takes_its_time(app, twilio, rows, monkeypatch):
    asked, answer = threading.Event(), threading.Event()

    def asks():
        asked.set()
        answer.wait(SECONDS)
        return False

    monkeypatch.setattr(reconcile, "run", asks)
    monkeypatch.setattr(worker, "LOOK_UPS", SOON)
    monkeypatch.setattr(worker, "HEARTBEAT", SOON)
    stop = worker.start(app.app_context)
    try:
        assert asked.wait(SECONDS)
        wait_for(lambda: rows.all(Worker))
        seen_at = rows.one(Worker).seen_at
        wait_for(lambda: rows.one(Worker).seen_at > seen_at)
        assert not answer.is_set()
    finally:
        answer.set()
        stop()
    assert rows.all(Worker) == []
