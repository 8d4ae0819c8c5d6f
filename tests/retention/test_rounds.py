"""Forgetting goes on by itself in the worker, or at once by command."""

import threading

from sqlalchemy import update

from smsapp.delivery import receipts
from smsapp.delivery.receipts import IncomingReceipt
from smsapp.extensions import db
from smsapp.models import BodyAtTwilio, Delivery, Phone
from smsapp.providers.messages import Listed
from smsapp.retention import at_twilio, bodies, rounds
from tests.conftest import settings_of, sid


def old_text(app, shop, rows, pass_days):
    shop.ships()
    with app.app_context():
        receipts.handle(IncomingReceipt(rows.attempts[0].id, sid(1), "delivered", 0))
    pass_days(800)


def test_a_worker_forgets_by_itself(app, shop, twilio, rows, pass_days, monkeypatch):
    monkeypatch.setattr(rounds, "ROUND_SECONDS", 0.01)
    twilio.blank = lambda of: Listed(of, "", True, "delivered", 0, None)
    stopping, done = threading.Event(), threading.Event()
    ask = at_twilio.blank

    def told(event):
        if ask(event):
            done.set()
        return 0

    monkeypatch.setattr(at_twilio, "blank", told)
    with settings_of(app, BLANK_BODIES_AT_TWILIO="true"):
        old_text(app, shop, rows, pass_days)
        thread = threading.Thread(target=rounds.run, args=(app.app_context, stopping))
        thread.start()
        assert done.wait(20)
        stopping.set()
        thread.join(20)
    assert not thread.is_alive()
    assert rows.delivery.body == ""
    assert rows.one(Phone).e164 is None
    assert rows.all(BodyAtTwilio) == []


def test_trouble_with_one_does_not_keep_the_others(
    app, shop, twilio, rows, pass_days, monkeypatch, caplog
):
    old_text(app, shop, rows, pass_days)

    def broken():
        raise RuntimeError("+12025550123")

    monkeypatch.setattr(bodies, "blank_deliveries", broken)
    with app.app_context():
        rounds.once(threading.Event())
    assert rows.one(Phone).e164 is None
    assert "could not forget" in caplog.text


def test_the_command_does_all_there_is(app, shop, twilio, rows, run, pass_days, monkeypatch):
    monkeypatch.setattr(bodies, "BATCH", 2)
    for number in range(7):
        shop.ships(f"order-{number}-shipped", orderId=str(number))
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(update(Delivery).values(state="delivered", check_at=None))
    pass_days(800)
    said = run("retention", "run")
    assert said.exit_code == 0
    assert "Texts to customers: 7 blanked." in said.output
    assert "Numbers: 1 looked at." in said.output
    assert {row.body for row in rows.all(Delivery)} == {""}
    assert rows.one(Phone).e164 is None
    assert "Texts to customers: 0 blanked." in run("retention", "run").output
