"""An operator pauses sending and lets it go on; nothing that waits is lost or spent."""

import pytest

from smsapp import worker
from smsapp.models import Sender
from tests.conftest import change, command, make_due, report, run_until_settled


@pytest.fixture
def sending(app):
    """Run `flask sending …`; return what it says."""
    return lambda *arguments: command(app, "sending", *arguments)


def test_while_paused_events_are_accepted_and_no_text_leaves(app, shop, twilio, rows, sending):
    sending("pause", "--reason", "wrong tracking links")
    answer = shop.ships()
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    again = shop.ships()
    told = (again.status_code, again.json["duplicate"], again.json["status"])
    assert told == (202, True, "pending"), "a repeat is still on its way"
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
    change(app, Sender, probe_at=Sender.held_at)
    make_due(app)
    with app.app_context():
        assert worker.run_once() == 0
        assert not worker._may_anything_go()
    assert len(twilio.calls) == 1


def test_while_paused_receipts_count(app, shop, twilio, rows, sending):
    shop.ships()
    sending("pause")
    report(app, rows.attempts[0].id, rows.attempts[0].sid, "delivered", 0)
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


def test_a_second_pause_keeps_its_beginning_and_a_second_resume_says_so(rows, run, sending):
    sending("pause", "--reason", "one")
    since = rows.one(Sender).paused_at
    sending("pause", "--reason", "two")
    assert (rows.one(Sender).paused_at, rows.one(Sender).pause_reason) == (since, "two")
    sending("resume")
    again = run("sending", "resume")
    assert (again.exit_code != 0, "not paused" in again.output) == (True, True)


def test_pausing_is_logged_without_the_reason_and_shown_to_who_watches(client, sending, caplog):
    assert client.get("/readyz").json["senderIsPaused"] is False
    sending("pause", "--reason", "a secret matter")
    assert client.get("/readyz").json["senderIsPaused"] is True
    sending("resume")
    said = [record for record in caplog.records if record.msg.startswith("sending ")]
    assert [record.msg for record in said] == ["sending paused", "sending resumed"]
    assert "secret" not in caplog.text
