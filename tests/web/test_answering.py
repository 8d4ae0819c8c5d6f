"""Answers that operators write: where somebody wrote last, once, and never after a STOP."""

from datetime import UTC, datetime, timedelta

import pytest

from smsapp.models import Audit, Consent, Delivery, Inbound, Phone
from smsapp.providers.outcomes import Unwritten
from tests.conftest import ALICE, KEY, change, run_worker, settings_of, sid, text_in

SENDER = "+15005550006"


@pytest.fixture
def on_whatsapp(app):
    with settings_of(app, TWILIO_WHATSAPP_FROM=SENDER):
        yield


@pytest.fixture
def answers(app, operator, twilio):
    """Answer Alice from her page, and let a worker send it."""

    def post(words="It comes today.", form_id="00000000-0000-0000-0000-000000000001"):
        operator.posts(f"/console/numbers/{KEY}/answer", words=words, form_id=form_id)
        run_worker(app)
        return operator.sees(f"/console/numbers/{KEY}")

    return post


def test_a_text_is_answered_by_text_in_just_these_words(app, answers, operator, twilio, rows):
    text_in(app, sid(800), ALICE, "Where is it?")
    assert "Answer by text" in operator.sees(f"/console/numbers/{KEY}").text
    answers()
    (call,) = twilio.calls
    assert (call["to"], call["body"]) == (ALICE, "It comes today.")
    assert (rows.delivery.kind, rows.delivery.state) == ("answer", "sent")
    assert rows.one(Audit).act == "answered"
    assert rows.all(Consent) == []


def test_a_form_that_is_sent_twice_is_one_answer(app, answers, twilio, rows):
    text_in(app, sid(800), ALICE, "Where is it?")
    answers()
    answers()
    assert len(twilio.calls) == 1
    assert len(rows.all(Audit)) == 1


def test_on_whatsapp_it_is_answered_there_whatever_else_they_chose(
    app, on_whatsapp, answers, operator, twilio
):
    text_in(app, sid(800), f"whatsapp:{ALICE}", "Where is it?")
    assert "Answer on WhatsApp" in operator.sees(f"/console/numbers/{KEY}").text
    answers()
    (call,) = twilio.calls
    assert (call["to"], call["body"]) == (f"whatsapp:{ALICE}", "It comes today.")


def test_a_day_later_it_goes_by_text(app, on_whatsapp, answers, twilio, rows):
    text_in(app, sid(800), f"whatsapp:{ALICE}", "Where is it?")
    answers("First")
    long_ago = datetime.now(UTC) - timedelta(hours=25)
    change(app, Phone, whatsapp_at=long_ago)
    change(app, Inbound, received_at=long_ago)
    answers("Second", form_id="00000000-0000-0000-0000-000000000002")
    run_worker(app)
    assert [call["to"] for call in twilio.calls] == [f"whatsapp:{ALICE}", ALICE]


def test_nobody_is_answered_after_their_stop(app, answers, twilio, rows):
    text_in(app, sid(800), ALICE, "Where is it?")
    text_in(app, sid(801), ALICE, "STOP")
    assert "Nothing was sent" in answers().text
    assert (twilio.calls, rows.all(Delivery), rows.all(Audit)) == ([], [], [])


@pytest.mark.parametrize("words", ["", "  ", "x" * 1025])
def test_nothing_and_too_much_is_no_answer(app, answers, twilio, words):
    text_in(app, sid(800), ALICE, "Where is it?")
    assert "from 1 to 1024 characters" in answers(words).text
    assert twilio.calls == []


def test_who_never_wrote_is_not_answered(shop, answers, operator, twilio):
    shop.ships()
    assert "Answer by text" not in operator.sees(f"/console/numbers/{KEY}").text
    assert "nobody to answer" in answers().text
    assert len(twilio.calls) == 1


def test_support_may_look_and_not_answer(app, support):
    text_in(app, sid(800), ALICE, "Where is it?")
    assert "Answer by text" not in support.sees(f"/console/numbers/{KEY}").text


def test_typing_is_shown_on_whatsapp_alone_and_its_failure_harms_nobody(
    app, on_whatsapp, operator, monkeypatch
):
    shown = []

    class Wire:
        def show_typing(self, sid_):
            shown.append(sid_)
            return Unwritten("connect")

    monkeypatch.setattr("smsapp.providers.whatsapp.client", Wire)
    text_in(app, sid(800), ALICE, "Where is it?")
    path = f"/console/numbers/{KEY}/typing"
    assert operator.posts(path).status_code == 204
    assert shown == []
    text_in(app, sid(801), f"whatsapp:{ALICE}", "Hello?")
    assert operator.posts(path).status_code == 204
    assert shown == [sid(801)]
