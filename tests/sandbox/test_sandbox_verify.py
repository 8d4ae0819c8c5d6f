"""Verify v2, as the unmodified SDK sees it."""

import re
from dataclasses import replace

import pytest
import requests

from smsapp.sandbox.mail import mailbox
from smsapp.sandbox.testing import running
from tests.sandbox.desk import ACCOUNT, CUSTOMER, SERVICE, TOKEN, cancel, check, refused, start

WRONG = "wrong1"
NOBODYS = "VE" + "0" * 32


def post(sandbox, path="Verifications", form=None, service=SERVICE, auth=(ACCOUNT, TOKEN)):
    url = f"{sandbox.url}/v2/Services/{service}/{path}"
    form = {"To": CUSTOMER, "Channel": "sms"} if form is None else form
    return requests.post(url, data=form, auth=auth, timeout=5)


def test_a_verification_is_created_with_twilios_json(sandbox):
    answer = post(sandbox)
    made = answer.json()
    sid, at = made["sid"], made["date_created"]
    assert answer.status_code == 201
    assert answer.headers["X-API-Domain"] == "verify.twilio.com"
    assert re.fullmatch("VE[0-9a-f]{32}", sid)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at)
    (attempt,) = made["send_code_attempts"]
    assert re.fullmatch("VL[0-9a-f]{32}", attempt["attempt_sid"])
    assert made == {
        "sid": sid,
        "service_sid": SERVICE,
        "account_sid": ACCOUNT,
        "to": CUSTOMER,
        "channel": "sms",
        "status": "pending",
        "valid": False,
        "amount": None,
        "payee": None,
        "date_created": at,
        "date_updated": at,
        "lookup": {},
        "send_code_attempts": [
            {"time": at, "channel": "SMS", "attempt_sid": attempt["attempt_sid"]}
        ],
        "sna": None,
        "url": f"https://verify.twilio.com/v2/Services/{SERVICE}/Verifications/{sid}",
    }


def test_the_right_code_is_approved_once(sandbox, verify):
    sid = start(verify).sid
    checked = check(verify, sandbox)
    assert (checked.sid, checked.status, checked.valid) == (sid, "approved", True)
    assert refused(check, verify, sandbox) == (404, 20404)
    assert refused(cancel, verify, sid) == (404, 20404)


def test_a_check_has_twilios_json(sandbox):
    sid = post(sandbox).json()["sid"]
    answer = post(sandbox, "VerificationCheck", {"VerificationSid": sid, "Code": WRONG})
    body = answer.json()
    assert answer.status_code == 200
    assert body == {
        "sid": sid,
        "service_sid": SERVICE,
        "account_sid": ACCOUNT,
        "to": CUSTOMER,
        "channel": "sms",
        "status": "pending",
        "valid": False,
        "amount": None,
        "payee": None,
        "date_created": body["date_created"],
        "date_updated": body["date_updated"],
        "sna_attempts_error_codes": [],
    }


def test_five_wrong_checks_are_pending_and_the_sixth_is_60202_even_if_right(sandbox, verify):
    start(verify)
    for _ in range(5):
        checked = check(verify, sandbox, WRONG)
        assert (checked.status, checked.valid) == ("pending", False)
    assert refused(check, verify, sandbox) == (429, 60202)
    assert refused(check, verify, sandbox) == (429, 60202)


def test_the_fifth_check_may_still_be_right(sandbox, verify):
    start(verify)
    for _ in range(4):
        check(verify, sandbox, WRONG)
    assert check(verify, sandbox).status == "approved"


def test_after_too_many_checks_a_new_verification_can_be_started(sandbox, verify):
    first = start(verify).sid
    for _ in range(5):
        check(verify, sandbox, WRONG)
    assert refused(check, verify, sandbox, WRONG) == (429, 60202)
    assert start(verify).sid != first
    assert check(verify, sandbox).status == "approved"


def test_sent_again_it_is_the_same_verification_and_the_same_code(sandbox, verify):
    first = start(verify)
    again = start(verify, channel="call")
    assert (again.sid, again.channel) == (first.sid, "call")
    assert [a["channel"] for a in again.send_code_attempts] == ["SMS", "CALL"]
    called, texted = sandbox.codes()
    assert called["code"] == texted["code"]


def test_the_sixth_send_is_60203(sandbox, verify):
    for _ in range(5):
        start(verify)
    assert refused(start, verify) == (429, 60203)
    assert len(sandbox.codes()) == 5
    assert check(verify, sandbox).status == "approved"
    assert start(verify).status == "pending"


def test_a_code_is_good_for_ten_minutes(sandbox, verify):
    sid = start(verify).sid
    sandbox.expire_codes()
    assert refused(check, verify, sandbox) == (404, 20404)
    assert refused(cancel, verify, sid) == (404, 20404)
    assert start(verify).sid != sid


def test_a_check_of_nothing_is_twilios_404(sandbox):
    answer = post(sandbox, "VerificationCheck", {"VerificationSid": NOBODYS, "Code": "123456"})
    assert answer.status_code == 404
    assert answer.json() == {
        "code": 20404,
        "message": f"The requested resource /Services/{SERVICE}/VerificationCheck was not found",
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


def test_it_can_be_canceled(sandbox, verify):
    sid = start(verify).sid
    canceled = cancel(verify, sid)
    assert (canceled.status, canceled.valid) == ("canceled", False)
    assert refused(check, verify, sandbox) == (404, 20404)
    assert start(verify).sid != sid


def test_an_update_to_anything_else_is_60200(verify):
    sid = start(verify).sid
    assert refused(verify.verifications(sid).update, status="pending") == (400, 60200)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"To": ""}, 400, 60200),
        ({"To": "5558675310"}, 400, 60200),
        ({"To": "+1555"}, 400, 60200),
        ({"Channel": ""}, 400, 60200),
        ({"Channel": "pigeon"}, 400, 60200),
        ({"Channel": "sna"}, 400, 60223),
        ({"Channel": "email"}, 400, 60200),
        ({"Channel": "whatsapp", "To": "ann@example.com"}, 400, 60200),
        ({"Locale": "!"}, 400, 60200),
        ({"To": "+442079460958"}, 403, 60205),
        ({"To": "+15005550001"}, 400, 60200),
        ({"To": "+15005550002"}, 403, 60410),
        ({"To": "+15005550003"}, 403, 60605),
        ({"To": "+15005550008"}, 429, 60203),
        ({"To": "+15005550009"}, 403, 60205),
    ],
)
def test_what_verify_objects_to_has_its_code_and_sends_nothing(sandbox, change, status, code):
    answer = post(sandbox, form={"To": CUSTOMER, "Channel": "sms"} | change)
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert sandbox.codes() == []


@pytest.mark.parametrize(
    ("channel", "to", "weather", "code"),
    [
        ("whatsapp", CUSTOMER, {"verify_whatsapp_off": 1}, 60223),
        ("email", "ann@example.com", {"verify_no_mailer": 1}, 60217),
    ],
)
def test_a_service_without_a_way_says_so_and_one_with_it_sends_the_code_there(
    sandbox, verify, channel, to, weather, code
):
    sandbox.weather(**weather)
    assert refused(start, verify, to=to, channel=channel) == (400, code)
    sandbox.clear_weather()
    assert start(verify, to=to, channel=channel).to == to
    (sent,) = sandbox.codes()
    assert (sent["to"], sent["channel"]) == (to, channel)
    words = f"Your Shop verification code is: {sent['code']}"
    if channel == "email":
        (mail,) = mailbox.mails(sandbox.desk)
        assert (mail.recipient, mail.text.strip()) == (to, words)
    else:
        (text,) = sandbox.texts(f"whatsapp:{to}")
        assert (text.body, text.is_code) == (words, True)
    assert check(verify, sandbox).status == "approved"


def test_a_landline_can_be_called(verify):
    assert start(verify, to="+442079460958", channel="call").status == "pending"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"path": "VerificationCheck", "form": {"Code": "123456"}}, (400, 60221)),
        *[
            (
                {"path": "VerificationCheck", "form": {"VerificationSid": NOBODYS, "Code": code}},
                (400, 60200),
            )
            for code in ("", "123", "12345678901")
        ],
        ({"auth": (ACCOUNT, "wrong")}, (401, 20003)),
        ({"path": "RateLimits"}, (404, 20404)),
    ],
)
def test_a_request_that_verify_cannot_use_or_allow_has_its_code(sandbox, request_, expected):
    answer = post(sandbox, **request_)
    assert (answer.status_code, answer.json()["code"]) == expected
    assert sandbox.codes() == []


def test_only_the_configured_service_is_known(config):
    with running(replace(config, verify_service_sid=SERVICE)) as sandbox:
        assert post(sandbox).status_code == 201
        for other in ("VA" + "4" * 32, "VA1"):
            answer = post(sandbox, service=other)
            assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_another_services_verification_is_not_found(sandbox, client, verify):
    sid = start(verify).sid
    other = client.verify.v2.services("VA" + "4" * 32)
    assert refused(cancel, other, sid) == (404, 20404)
    assert refused(check, other, sandbox) == (404, 20404)


def test_a_verification_outlives_a_restart(config, connect):
    with running(config) as before:
        start(connect(before).verify.v2.services(SERVICE))
    with running(config) as after:
        verify = connect(after).verify.v2.services(SERVICE)
        assert check(verify, after).status == "approved"


@pytest.mark.parametrize(
    ("weather", "expected"),
    [
        ({"verify_unavailable": 100}, (503, 20503)),
        ({"verify_landline": 1}, (403, 60205)),
        ({"verify_blocked": 1}, (403, 60410)),
        ({"verify_geo_blocked": 1}, (403, 60605)),
        ({"credentials_refused": 1}, (401, 20003)),
    ],
)
def test_the_weather_reaches_verify_too(sandbox, verify, weather, expected):
    sandbox.weather(**weather)
    assert refused(start, verify) == expected
    assert sandbox.codes() == []
