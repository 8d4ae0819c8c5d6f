"""Texts are blanked at Twilio too where that is asked for, sooner or later, and never in a loop."""

import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from smsapp.extensions import database_now, db
from smsapp.models import BodyAtTwilio
from smsapp.providers.http_client import rest_client
from smsapp.providers.messages import Listed, Twilio
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from smsapp.retention import at_twilio, bodies
from smsapp.sandbox.testing import SandboxConfig, running
from tests.conftest import (
    ACCOUNT,
    ALICE,
    ENVIRONMENT,
    TOKEN,
    change,
    report,
    settings_of,
    sid,
    text_in,
)

INBOUND = sid(3000)


@pytest.fixture
def asked(app, shop, twilio, rows, pass_days):
    """A text sent and one received, both blanked here and owed at Twilio."""
    with settings_of(app, BLANK_BODIES_AT_TWILIO="true"):
        shop.ships()
        report(app, rows.attempts[0].id, sid(1), "delivered", 0)
        text_in(app, INBOUND, ALICE, "Where is it?")
        pass_days(31)
        with app.app_context():
            bodies.blank(bodies.TO_CUSTOMERS)
            bodies.blank(bodies.FROM_CUSTOMERS)
        yield


def answers(twilio, answer):
    """Let Twilio answer like this to every request to blank; return which there were."""
    calls = []

    def blank(of):
        calls.append(of)
        return answer(of)

    twilio.blank = blank
    return calls


def done(of):
    return Listed(of, "", True, "delivered", 0, None)


def blank(app):
    with app.app_context():
        return at_twilio.blank(threading.Event())


def let_it_be_due(app):
    change(app, BodyAtTwilio, ask_at=datetime(2026, 1, 1, tzinfo=UTC))


def test_unless_asked_for_nothing_is_owed(app, shop, twilio, rows, pass_days):
    shop.ships()
    report(app, rows.attempts[0].id, sid(1), "delivered", 0)
    pass_days(31)
    with app.app_context():
        assert bodies.blank(bodies.TO_CUSTOMERS) == 1
    assert rows.all(BodyAtTwilio) == []


def test_what_is_blanked_here_is_blanked_there(app, asked, twilio, rows):
    assert {row.sid for row in rows.all(BodyAtTwilio)} == {sid(1), INBOUND}
    calls = answers(twilio, done)
    assert blank(app) == 2
    assert set(calls) == {sid(1), INBOUND}
    assert rows.all(BodyAtTwilio) == []
    assert blank(app) == 0


def test_what_twilio_no_longer_has_is_done_with(app, asked, twilio, rows):
    answers(twilio, lambda _: Refused(404, 20404, None))
    assert blank(app) == 2
    assert rows.all(BodyAtTwilio) == []


def still_has_it(of):
    return Listed(of, "Your order", True, "delivered", 0, None)


@pytest.mark.parametrize("answer", [lambda _: Refused(409, 20009, None), still_has_it])
def test_what_twilio_is_not_done_with_is_asked_about_later_and_ever_more_rarely(
    app, asked, twilio, rows, answer
):
    calls = answers(twilio, answer)
    waits = []
    for _ in range(12):
        assert blank(app) == 2
        assert blank(app) == 0, "not at once again"
        with app.app_context(), db.engine.begin() as conn:
            now = database_now(conn)
        row = rows.all(BodyAtTwilio)[0]
        waits.append(round((row.ask_at - now) / timedelta(minutes=1)))
        let_it_be_due(app)
    assert len(calls) == 24
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (10, 24 * 60)
    answers(twilio, done)
    assert blank(app) == 2
    assert rows.all(BodyAtTwilio) == []


@pytest.mark.parametrize(
    "answer",
    [
        Unwritten("connect"),
        Unknown("timeout", None, None),
        Refused(401, 20003, None),
        Refused(429, 20429, 1.0),
    ],
    ids=str,
)
def test_an_outage_is_met_once_a_batch(app, asked, twilio, rows, answer):
    calls = answers(twilio, lambda _: answer)
    assert blank(app) == 0
    assert len(calls) == 1
    assert len(rows.all(BodyAtTwilio)) == 2


def test_a_worker_that_stops_asks_no_more(app, asked, twilio, rows):
    calls = answers(twilio, done)
    stopping = threading.Event()
    stopping.set()
    with app.app_context():
        assert at_twilio.blank(stopping) == 0
    assert calls == []
    assert len(rows.all(BodyAtTwilio)) == 2


def test_two_workers_do_not_ask_for_the_same(app, asked, twilio):
    def meanwhile(of):
        assert blank(app) == 0
        return done(of)

    answers(twilio, meanwhile)
    assert blank(app) == 2


@pytest.fixture
def sent(tmp_path):
    """Send a text through a sandbox of this pace; return the sandbox, its client and the SID."""
    with ExitStack() as stack:

        def send(pace):
            number = ENVIRONMENT["TWILIO_FROM_NUMBER"]
            config = SandboxConfig(ACCOUNT, TOKEN, number, tmp_path / "s.sqlite3", pace=pace)
            sandbox = stack.enter_context(running(config))
            client = Twilio(rest_client(ACCOUNT, ACCOUNT, TOKEN, sandbox.url))
            nowhere = "http://127.0.0.1:9/"
            answer = client.send(
                to=ALICE, body="Hello", status_callback=nowhere, from_number=number
            )
            return sandbox, client, answer.sid

        yield send


def test_the_sandbox_blanks_what_it_has(sent):
    """As Twilio does: once it is done with the message, and not before."""
    sandbox, client, of = sent(pace=0.0)
    sandbox.settle()
    blanked = client.blank(of)
    assert (blanked.sid, blanked.body) == (of, "")
    assert client.look_up(of).body == ""
    assert client.blank(sid(99)) == Refused(404, 20404, None)


def test_the_sandbox_refuses_what_it_is_not_done_with(sent):
    _, client, of = sent(pace=100.0)
    assert client.blank(of) == Refused(409, 20009, None)
    assert client.look_up(of).body == "Hello"
