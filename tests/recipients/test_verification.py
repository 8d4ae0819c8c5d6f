"""Proving a number: each of Verify's answers in its own words, and limits of our own."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import update

from smsapp import errors
from smsapp.api_keys import Scope
from smsapp.extensions import db
from smsapp.models import Channel, Phone, Verification
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from smsapp.providers.verify import Checked, Started
from smsapp.recipients import verification
from tests.conftest import ALICE, BOB, on_one_database, opt_out, settings_of

VERIFY = {"TWILIO_VERIFY_SERVICE_SID": "VA" + "0" * 31 + "1"}
CODE = "123456"


@dataclass
class FakeVerify:
    """A Verify Service that sends every number the same code."""

    answers: list = field(default_factory=list)
    started: list = field(default_factory=list)
    canceled: list = field(default_factory=list)
    to: dict = field(default_factory=dict)

    def start(self, *, to, channel, locale):
        self.started.append((to, channel, locale))
        if self.answers:
            return self.answers.pop(0)
        sid = f"VE{sorted({number for number, *_ in self.started}).index(to):032x}"
        self.to[sid] = to
        return Started(sid, "pending")

    def check(self, *, sid, code):
        if self.answers:
            return self.answers.pop(0)
        return Checked(self.to[sid], "approved" if code == CODE else "pending")

    def cancel(self, sid):
        self.canceled.append(sid)


@pytest.fixture
def verify(app, monkeypatch):
    fake = FakeVerify()
    monkeypatch.setattr(verification, "_connect", lambda *_: fake)
    with settings_of(app, **VERIFY), app.app_context():
        yield fake


def start(e164=ALICE):
    return verification.start(e164, Channel.SMS)


def test_the_right_code_proves_the_number(verify, rows):
    begun = start()
    verdict = verification.check(begun.sid, ALICE, CODE)
    assert verdict.approved
    assert rows.one(Phone).verified_at is not None
    assert rows.one(Verification).approved_at is not None


def test_a_wrong_code_says_how_many_tries_are_left(verify, rows):
    begun = start()
    lefts = [verification.check(begun.sid, ALICE, "000000").tries_left for _ in range(4)]
    assert lefts == [3, 2, 1, 0]
    assert verify.canceled == [begun.sid]
    with pytest.raises(errors.RateLimited):
        verification.check(begun.sid, ALICE, CODE)
    assert rows.one(Phone).verified_at is None


def test_an_approval_of_another_number_is_none(verify, rows):
    mine = start(ALICE)
    verify.to[mine.sid] = BOB
    assert verification.check(mine.sid, ALICE, CODE).status == "expired"
    assert rows.one(Phone).verified_at is None


def test_a_verification_of_another_number_cannot_be_checked(verify):
    start(ALICE)
    bobs = start(BOB)
    assert verification.check(bobs.sid, ALICE, CODE).status == "expired"


def test_an_approval_is_used_once(verify):
    begun = start()
    assert verification.check(begun.sid, ALICE, CODE).approved
    assert verification.check(begun.sid, ALICE, CODE).status == "expired"


@on_one_database
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Refused(403, 60205, None), errors.Landline),
        (Refused(403, 60410, None), errors.DestinationBlocked),
        (Refused(403, 60605, None), errors.DestinationBlocked),
        (Refused(429, 60203, None), errors.RateLimited),
        (Refused(429, 60212, None), errors.RateLimited),
        (Refused(429, 20429, 7.0), errors.RateLimited),
        (Refused(400, 60200, None), errors.InvalidRequest),
        (Refused(400, 60223, None), errors.ProviderUnavailable),
        (Refused(401, 20003, None), errors.ProviderUnavailable),
        (Refused(404, 20404, None), errors.VerifyNotConfigured),
        (Unwritten("connect"), errors.ProviderUnavailable),
        (Unknown("timeout", None, None), errors.ProviderUnavailable),
        (Unknown("server_error", 503, 20503), errors.ProviderUnavailable),
    ],
)
def test_each_refusal_of_a_start_is_its_own_error(verify, answer, error):
    verify.answers.append(answer)
    with pytest.raises(error):
        start()


@pytest.mark.parametrize(
    "answer", [Unwritten("dns"), Unknown("timeout", None, None), Refused(401, 20003, None)]
)
def test_an_outage_is_no_wrong_code(verify, answer):
    begun = start()
    verify.answers.append(answer)
    with pytest.raises(errors.ProviderUnavailable):
        verification.check(begun.sid, ALICE, CODE)


def test_an_expired_code_is_no_wrong_one(verify):
    begun = start()
    verify.answers.append(Refused(404, 20404, None))
    assert verification.check(begun.sid, ALICE, CODE).status == "expired"


def test_three_codes_in_ten_minutes_and_no_more(verify):
    for _ in range(3):
        start()
    with pytest.raises(errors.RateLimited) as refused:
        start()
    assert 0 < refused.value.retry_after <= 600
    assert len(verify.started) == 3
    start(BOB)


def later(minutes):
    """Let all codes have been sent so much earlier."""
    with db.engine.begin() as conn:
        for row in conn.execute(Verification.__table__.select()).all():
            conn.execute(
                update(Verification)
                .where(Verification.id == row.id)
                .values(started_at=row.started_at - timedelta(minutes=minutes))
            )


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
        verify.answers.append(Unwritten("connect"))
        with pytest.raises(errors.ProviderUnavailable):
            start()
    start()


def test_codes_go_out_whatever_an_opt_out_says(app, verify):
    opt_out(app, ALICE)
    start()
    assert len(verify.started) == 1


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


def test_the_api_starts_and_checks(app, make_service, verify):
    service = make_service("shop", Scope.VERIFY)

    def post(path, **body):
        return service.client.post(f"/api/verify/{path}", json=body, headers=service.headers)

    begun = post("start", phone=ALICE, channel="call", locale="en")
    assert (begun.status_code, begun.json["status"]) == (202, "pending")
    assert verify.started == [(ALICE, "call", "en")]
    assert post("check", phone=ALICE, code="000000").json == {
        "approved": False,
        "status": "pending",
    }
    assert post("check", phone=ALICE, code=CODE).json == {"approved": True, "status": "approved"}
    again = post("check", phone=ALICE, code=CODE)
    assert (again.status_code, again.json) == (200, {"approved": False, "status": "expired"})
    assert post("check", phone=BOB, code=CODE).json["status"] == "expired"


def test_the_api_names_every_fault(make_service, verify):
    service = make_service("shop", Scope.VERIFY)
    answer = service.client.post(
        "/api/verify/start",
        json={"phone": "07700 900123", "channel": "pigeon", "locale": "!"},
        headers=service.headers,
    )
    assert answer.status_code == 400
    assert set(answer.json["details"]["fieldErrors"]) == {"phone", "channel", "locale"}
    answer = service.client.post(
        "/api/verify/check", json={"phone": ALICE, "code": "12"}, headers=service.headers
    )
    assert set(answer.json["details"]["fieldErrors"]) == {"code"}


def test_the_api_says_when_to_come_back(make_service, verify):
    service = make_service("shop", Scope.VERIFY)
    verify.answers.append(Refused(429, 60203, 120.0))
    answer = service.client.post(
        "/api/verify/start", json={"phone": ALICE}, headers=service.headers
    )
    assert (answer.status_code, answer.json["error"]) == (429, "rate_limited")
    assert answer.json["retryAfter"] == 120
    assert answer.headers["Retry-After"] == "120"


def test_without_a_verify_service_it_says_so(app, make_service):
    service = make_service("shop", Scope.VERIFY)
    answer = service.client.post(
        "/api/verify/start", json={"phone": ALICE}, headers=service.headers
    )
    assert (answer.status_code, answer.json["error"]) == (503, "verify_not_configured")
