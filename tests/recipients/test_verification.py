"""Proving a number: limits of our own, and the API; what Verify answers is in web/test_pages.py."""

from datetime import timedelta

import pytest

from smsapp import errors
from smsapp.api_keys import Scope
from smsapp.extensions import db
from smsapp.models import Channel, Verification
from smsapp.providers.outcomes import Refused, Unwritten
from smsapp.recipients import verification
from tests.conftest import ALICE, BOB, make_earlier, settings_of
from tests.fake_verify import CODE, VERIFY, FakeVerify


@pytest.fixture
def verify(app, monkeypatch):
    fake = FakeVerify()
    monkeypatch.setattr(verification, "_connect", lambda *_: fake)
    with settings_of(app, **VERIFY), app.app_context():
        yield fake


def start(e164=ALICE):
    return verification.start(e164, Channel.SMS)


def later(minutes):
    """Let all codes have been sent so much earlier."""
    with db.engine.begin() as conn:
        make_earlier(conn, Verification, timedelta(minutes=minutes), "started_at")


def test_ten_codes_a_day_and_no_more(verify):
    for _ in range(10):
        start()
        later(11)
    with pytest.raises(errors.RateLimited) as refused:
        start()
    assert refused.value.retry_after > 20 * 3600
    later(24 * 60)
    start()


def test_a_code_that_was_not_sent_does_not_count(verify):
    for _ in range(5):
        verify.start_answers.append(Unwritten("connect"))
        with pytest.raises(errors.ProviderUnavailable):
            start()
    start()


def test_pumping_is_refused_for_its_prefix_alone(app, verify, caplog):
    with settings_of(app, **VERIFY, PUMPING_MIN_STARTS="5"):
        for number in range(5):
            start(f"+4477009001{number:02}")
        with pytest.raises(errors.RateLimited):
            start("+447700900199")
        start(ALICE)
        assert [r.prefix for r in caplog.records if "prefix" in r.msg] == ["+44770"]
        later(61)
        start("+447700900199")


def test_where_codes_are_entered_there_is_no_pumping(app, verify):
    with settings_of(app, **VERIFY, PUMPING_MIN_STARTS="5"):
        for number in range(10):
            e164 = f"+4477009001{number:02}"
            begun = start(e164)
            if number % 5 == 0:
                verification.check(begun.sid, e164, CODE)


@pytest.fixture
def post(make_service):
    """Post to the API of Verify."""
    service = make_service("shop", Scope.VERIFY)

    def run(path, **body):
        return service.client.post(f"/api/verify/{path}", json=body, headers=service.headers)

    return run


def test_the_api_starts_and_checks_and_an_approval_is_used_once(post, verify):
    begun = post("start", phone=ALICE, channel="call", locale="en")
    assert (begun.status_code, begun.json["status"]) == (202, "pending")
    assert (verify.sent, verify.locales) == ([(ALICE, "call")], ["en"])
    wrong = post("check", phone=ALICE, code="000000")
    assert wrong.json == {"approved": False, "status": "pending"}
    assert post("check", phone=ALICE, code=CODE).json == {"approved": True, "status": "approved"}
    again = post("check", phone=ALICE, code=CODE)
    assert (again.status_code, again.json) == (200, {"approved": False, "status": "expired"})
    assert post("check", phone=BOB, code=CODE).json["status"] == "expired"


def test_a_number_is_approved_however_caller_and_twilio_spell_it(post, verify):
    post("start", phone="+5215512345678")
    assert verify.sent == [("+525512345678", "sms")]
    assert post("check", phone="+525512345678", code=CODE).json["approved"]


def test_the_api_names_every_fault(post, verify):
    answer = post("start", phone="07700 900123", channel="pigeon", locale="!")
    assert answer.status_code == 400
    assert set(answer.json["details"]["fieldErrors"]) == {"phone", "channel", "locale"}
    answer = post("check", phone=ALICE, code="12")
    assert set(answer.json["details"]["fieldErrors"]) == {"code"}


def test_the_api_says_when_to_come_back(post, verify):
    verify.start_answers.append(Refused(429, 60203, 120.0))
    answer = post("start", phone=ALICE)
    assert (answer.status_code, answer.json["error"]) == (429, "rate_limited")
    assert answer.json["retryAfter"] == 120
    assert answer.headers["Retry-After"] == "120"


def test_without_a_verify_service_the_api_says_so(post):
    answer = post("start", phone=ALICE)
    assert (answer.status_code, answer.json["error"]) == (503, "verify_not_configured")
