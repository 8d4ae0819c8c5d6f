"""Forgetting goes on by itself in the worker, or at once by command."""

import threading
from datetime import timedelta

from smsapp import jobs
from smsapp.models import BodyAtTwilio, Delivery, Phone
from smsapp.providers.messages import Listed
from smsapp.retention import at_twilio, bodies
from smsapp.retention import jobs as retention
from tests.conftest import change, report, settings_of, sid
from tests.system import wait_for


def old_text(app, shop, rows, pass_days):
    shop.ships()
    report(app, rows.attempts[0].id, sid(1), "delivered", 0)
    pass_days(800)


def test_a_worker_forgets_by_itself(app, shop, twilio, rows, pass_days, monkeypatch):
    monkeypatch.setattr(retention, "EVERY", timedelta(milliseconds=10))
    twilio.blank = lambda of: Listed(of, "", True, "delivered", 0, None)
    asked = threading.Event()
    ask = at_twilio.blank

    def told(event):
        if ask(event):
            asked.set()
        return 0

    monkeypatch.setattr(at_twilio, "blank", told)
    stopping = threading.Event()
    with settings_of(app, BLANK_BODIES_AT_TWILIO="true"):
        old_text(app, shop, rows, pass_days)
        threads = jobs.start(retention.jobs(stopping), app.app_context, stopping)
        try:
            assert asked.wait(20)
            wait_for(lambda: rows.one(Phone).e164 is None)
        finally:
            stopping.set()
            for thread in threads:
                thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert rows.delivery.body == ""
    assert rows.all(BodyAtTwilio) == []


def test_trouble_with_one_does_not_keep_the_others(
    app, shop, twilio, rows, pass_days, monkeypatch, caplog
):
    old_text(app, shop, rows, pass_days)

    blank = bodies.blank

    def broken(texts):
        if texts is bodies.TO_CUSTOMERS:
            raise RuntimeError("+12025550123")
        return blank(texts)

    monkeypatch.setattr(bodies, "blank", broken)
    with app.app_context():
        for job in retention.jobs(threading.Event()):
            jobs.run_once(job)
    assert rows.one(Phone).e164 is None
    (failed,) = [record for record in caplog.records if record.message == "job failed"]
    assert failed.job == "Texts to customers"


def test_the_command_does_all_there_is(app, shop, twilio, rows, run, pass_days, monkeypatch):
    monkeypatch.setattr(bodies, "BATCH", 2)
    shop.ships_many(7)
    change(app, Delivery, state="delivered", check_at=None)
    pass_days(800)
    said = run("retention", "run")
    assert said.exit_code == 0
    assert "Texts to customers: 7 blanked." in said.output
    assert "Numbers: 1 looked at." in said.output
    assert {row.body for row in rows.all(Delivery)} == {""}
    assert rows.one(Phone).e164 is None
    assert "Texts to customers: 0 blanked." in run("retention", "run").output
