"""Alarms as rows: raised once however many look, cleared when calm, told at least once."""

import json
import threading
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import update

from smsapp.extensions import db
from smsapp.models import Alarm, AlarmKind, Delivery, Worker
from smsapp.watch import alarm_text, alarms, announce
from smsapp.watch.finding import Finding
from smsapp.web import jobs
from tests.conftest import at_once, settings_of
from tests.doctor.conftest import serving

MINUTE = timedelta(minutes=1)
OLD = Finding(AlarmKind.OUTBOX_OLD, facts={"seconds": 400})
ALL = frozenset(AlarmKind)


@pytest.fixture
def record(app):
    def run(*findings, judged=ALL):
        with app.app_context():
            alarms.write(findings, judged)

    return run


def test_however_many_look_at_once_an_alarm_is_raised_and_logged_once(app, rows, caplog):
    start = threading.Barrier(8)

    def look():
        with app.app_context():
            start.wait()
            alarms.write([OLD], ALL)
            db.session.remove()

    at_once(*[look] * 8)
    assert rows.one(Alarm).cleared_at is None
    raised = [record for record in caplog.records if record.msg == "alarm raised"]
    assert len(raised) == 1
    assert raised[0].reason == "A text has been due for 6 minutes and is not sent."


def test_an_open_alarm_keeps_its_time_and_shows_the_newest_figures(record, rows):
    record(OLD)
    first = rows.one(Alarm)
    record(Finding(AlarmKind.OUTBOX_OLD, facts={"seconds": 900}))
    now = rows.one(Alarm)
    assert (now.id, now.raised_at, now.facts) == (first.id, first.raised_at, {"seconds": 900})
    assert now.seen_at > first.seen_at


def test_two_subjects_are_two_alarms(record, rows):
    facts = {"rate": 0, "sample": 20, "minutes": 60, "codes": []}
    record(*(Finding(AlarmKind.COUNTRY_RATE, country, facts) for country in ("US", "FR")))
    assert sorted(row.subject for row in rows.all(Alarm)) == ["FR", "US"]


def test_an_alarm_is_cleared_only_once_it_has_been_calm(record, rows, later, caplog):
    record(OLD)
    record()
    assert rows.one(Alarm).cleared_at is None
    later()
    record()
    assert rows.one(Alarm).cleared_at is not None
    assert [record.msg for record in caplog.records] == ["alarm raised", "alarm cleared"]
    record()
    assert len([record for record in caplog.records if record.msg == "alarm cleared"]) == 1


def test_what_comes_back_is_a_new_alarm(record, rows, later):
    record(OLD)
    later()
    record()
    record(OLD)
    assert [row.cleared_at is None for row in rows.all(Alarm)] == [False, True]


def test_a_rule_that_cannot_be_asked_leaves_its_alarms_open(app, record, rows, later):
    record(OLD)
    later()

    def broken(conn, _now, _config):
        conn.exec_driver_sql("SELECT nothing FROM nowhere")

    with app.app_context():
        alarms.evaluate({broken: frozenset({AlarmKind.OUTBOX_OLD})})
    assert rows.one(Alarm).cleared_at is None


@pytest.fixture
def hook(app):
    """Post alarms to an address that answers so in turn, then 200; return what it is told."""
    with ExitStack() as stack:

        def run(*statuses):
            answers, told = list(statuses), []

            def door(environ, start_response):
                told.append(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
                headers = [("Location", "/elsewhere"), ("Content-Length", "0")]
                start_response(f"{answers.pop(0) if answers else 200} Some Reason", headers)
                return []

            url = f"{stack.enter_context(serving(door))}/hook"
            stack.enter_context(settings_of(app, ALARM_WEBHOOK_URL=url))
            stack.enter_context(app.app_context())
            return told

        yield run


@pytest.fixture
def due(write):
    """Let the time to try again have come."""

    def run():
        write(lambda now: update(Alarm).where(Alarm.tell_at.is_not(None)).values(tell_at=now))

    return run


def test_an_alarm_is_posted_when_raised_and_when_cleared(app, record, later, hook):
    facts = {"rate": 50.0, "sample": 20, "minutes": 60, "codes": [[30003, 10]]}
    told = hook()
    record(Finding(AlarmKind.COUNTRY_RATE, "FR", facts))
    announce.tick()
    announce.tick()
    later()
    record()
    announce.tick()
    announce.tick()
    raised, cleared = told
    assert (raised["state"], raised["kind"], raised["subject"]) == ("raised", "country_rate", "FR")
    assert raised["text"].startswith("Of 20 texts to FR in 1 hour, only 50 % arrived. ")
    assert raised["errorCodes"][0]["code"] == 30003
    assert "switched off" in raised["errorCodes"][0]["cause"]
    assert raised["clearedAt"] is None
    assert (cleared["state"], cleared["alarm"]) == ("cleared", raised["alarm"])
    assert cleared["text"].startswith("Over: ")
    assert cleared["clearedAt"] > cleared["raisedAt"]


def test_a_post_that_fails_is_tried_again_until_it_is_taken(app, record, due, caplog, hook):
    told = hook(500, 301)
    record(OLD)
    announce.tick()
    assert len(told) == 1
    announce.tick()
    assert len(told) == 1, "it waits before it tries again"
    for _ in range(3):
        due()
        announce.tick()
    assert [message["state"] for message in told] == ["raised"] * 3
    assert [r.trouble for r in caplog.records if r.msg == "alarm not told"] == [
        "http_500",
        "http_301",
    ]
    address = app.extensions["settings"].alarm_webhook_url.get_secret_value()
    assert address not in caplog.text


def test_where_nobody_answers_the_alarm_waits(app, record, due, rows):
    with settings_of(app, ALARM_WEBHOOK_URL="http://127.0.0.1:9/"), app.app_context():
        record(OLD)
        announce.tick()
    row = rows.one(Alarm)
    assert (row.raise_told_at, row.tell_tries) == (None, 1)
    assert row.tell_at > row.raised_at + timedelta(seconds=5)


def test_who_died_while_posting_is_followed_by_another(app, record, due, monkeypatch, rows, hook):
    told = hook()
    record(OLD)

    def dies(*_):
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(announce.alarm_webhook, "post", dies)
        announce.tick()
    announce.tick()
    assert told == [], "the first one has a minute for it"
    due()
    announce.tick()
    assert len(told) == 1
    assert rows.one(Alarm).tell_at is None


def test_without_an_address_nothing_waits_to_be_told(app, record, rows):
    record(OLD)
    assert rows.one(Alarm).tell_at is None


def test_a_web_process_tells_that_no_worker_is_there(app, write, rows, hook):
    write(lambda now: Worker.__table__.insert().values(name="one", seen_at=now - 5 * MINUTE))
    told = hook()
    jobs.look_for_worker()
    jobs.look_for_worker()
    assert [(message["kind"], message["state"]) for message in told] == [("no_worker", "raised")]


def test_a_tick_looks_when_it_is_due(app, shop, twilio, write, rows):
    shop.ships(prefer="respond-async")
    write(
        lambda now: update(Delivery).values(due_at=now - 10 * MINUTE),
        lambda now: Worker.__table__.insert().values(name="one", seen_at=now),
    )
    with app.app_context():
        alarms.tick()
        alarms.tick()
    assert rows.one(Alarm).kind is AlarmKind.OUTBOX_OLD


def test_facts_of_all_kinds_have_a_sentence():
    facts = {
        "rate": 0.0,
        "sample": 2,
        "minutes": 90,
        "codes": [],
        "seconds": 3,
        "count": 1,
        "budget": 2,
    }
    for kind in AlarmKind:
        sentence = alarm_text.sentence(kind, "FR", facts)
        assert sentence.endswith("."), kind
        assert alarm_text.next_step(kind, {})
