"""An operator pauses sending and lets it go on; nothing that waits is lost or spent."""

import pytest
from sqlalchemy import update

from smsapp import worker
from smsapp.delivery.receipt_rows import IncomingReceipt
from smsapp.delivery.receipts import handle
from smsapp.extensions import db
from smsapp.models import Delivery, Sender
from tests.conftest import make_due, run_until_settled


@pytest.fixture
def sending(app):
    """Run `flask sending …`; return what it says."""

    def run(*command, fails=False):
        result = app.test_cli_runner().invoke(args=["sending", *command])
        assert (result.exit_code != 0) is fails, result.output
        return result.output

    return run


def test_while_paused_events_are_accepted_and_no_text_leaves(app, shop, twilio, rows, sending):
    sending("pause", "--reason", "wrong tracking links")
    answer = shop.ships()
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    run_until_settled(app)
    assert twilio.calls == []
    assert rows.attempts == []

    sending("resume")
    run_until_settled(app)
    assert rows.delivery.state == "sent"
    assert rows.delivery.tries == 1


def test_a_paused_sender_is_not_probed(app, shop, twilio, rows, sending):
    twilio.rejects(20003, 401)
    shop.ships()
    sending("pause")
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(update(Sender).values(probe_at=Sender.held_at))
    make_due(app)
    with app.app_context():
        assert worker.run_once() == 0
        assert not worker._may_anything_go()
    assert len(twilio.calls) == 1


def test_while_paused_receipts_count(app, shop, twilio, rows, sending):
    shop.ships()
    sending("pause")
    with app.app_context():
        handle(IncomingReceipt(rows.attempts[0].id, rows.attempts[0].sid, "delivered", 0))
    assert rows.delivery.state == "delivered"


def test_the_status_says_since_when_why_and_how_much_waits(app, shop, twilio, sending):
    assert sending("status").startswith("sending\n")
    sending("pause", "--reason", "ask +1 202 555 0123 first")
    shop.ships()
    said = sending("status")
    assert "paused since 20" in said
    assert ": ask [number] first" in said
    assert "no limit, 1 due" in said
    assert "0006" in said
    assert "+15005550006" not in said


def test_a_second_pause_keeps_its_beginning_and_a_second_resume_says_so(rows, sending):
    sending("pause", "--reason", "one")
    since = rows.one(Sender).paused_at
    sending("pause", "--reason", "two")
    assert (rows.one(Sender).paused_at, rows.one(Sender).pause_reason) == (since, "two")
    sending("resume")
    assert "not paused" in sending("resume", fails=True)


def test_pausing_is_logged_without_the_reason_and_shown_to_who_watches(client, sending, caplog):
    assert client.get("/readyz").json["senderIsPaused"] is False
    sending("pause", "--reason", "a secret matter")
    assert client.get("/readyz").json["senderIsPaused"] is True
    sending("resume")
    said = [record for record in caplog.records if record.msg.startswith("sending ")]
    assert [record.msg for record in said] == ["sending paused", "sending resumed"]
    assert "secret" not in caplog.text


def test_a_repeat_of_a_paused_event_is_still_on_its_way(shop, twilio, sending, rows):
    sending("pause")
    shop.ships()
    again = shop.ships()
    assert (again.status_code, again.json["duplicate"], again.json["status"]) == (
        202,
        True,
        "pending",
    )
    assert len(rows.all(Delivery)) == 1
