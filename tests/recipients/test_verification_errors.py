"""Each refusal of Twilio Verify is what it is: of their number, of our setting, or passing."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp import errors, tally
from smsapp.models import Channel
from smsapp.providers.outcomes import Refused, Unknown, Unwritten, of_answer
from smsapp.recipients import verification_errors

NUMBER = [21211, 21214, 21217, 21614, 60006, 60033, 60200, 60436]
CASES = [
    *[(Refused(400, code, None), errors.InvalidRequest, "phone") for code in NUMBER],
    (Refused(400, 60200, None, "To"), errors.InvalidRequest, "phone"),
    (Refused(400, 60200, None, "Locale"), errors.InvalidRequest, "locale"),
    (Refused(400, 60200, None, "Code"), errors.InvalidRequest, "code"),
    (Refused(403, 60205, None), errors.Landline, None),
    (Refused(403, 60410, None), errors.DestinationBlocked, None),
    (Refused(429, 60203, None), errors.RateLimited, None),
    (Refused(404, 20404, None), errors.VerifyNotConfigured, None),
    (Refused(400, 60200, None, "Channel"), errors.VerifyMisconfigured, None),
    *[
        (Refused(400, code, None), errors.VerifyMisconfigured, None)
        for code in (21608, 60001, 60217, 60223, 99999, None)
    ],
    (Refused(401, 20003, None), errors.VerifyMisconfigured, None),
    (Refused(403, None, None), errors.VerifyMisconfigured, None),
    (Unwritten("dns"), errors.ProviderUnavailable, None),
    (Unknown("server_error", 503, 20503), errors.ProviderUnavailable, None),
]
OURS = (errors.VerifyNotConfigured, errors.VerifyMisconfigured)


@pytest.fixture(autouse=True)
def _nothing_noted():
    yield
    tally._noted.clear()


@pytest.mark.parametrize(("outcome", "error", "field"), CASES)
def test_each_refusal_is_what_it_is(outcome, error, field, caplog):
    told = verification_errors.of(outcome, {}, Channel.SMS)
    assert type(told) is error
    fields = told.extra.get("details", {}).get("fieldErrors", {})
    assert list(fields) == ([field] if field else [])
    is_ours = error in OURS
    assert any(record.levelno == logging.ERROR for record in caplog.records) == is_ours
    assert bool(tally._noted) == is_ours


@pytest.mark.parametrize("outcome", [case[0] for case in CASES if case[1] in OURS])
def test_nobody_is_told_to_try_again_what_only_a_setting_can_mend(outcome):
    assert verification_errors.of(outcome, {}, Channel.SMS).retry_after is None


@pytest.mark.parametrize(
    ("words", "parameter"),
    [
        ("Invalid parameter: To", "To"),
        ("Invalid parameter `To`: +12025550123", "To"),
        ("Invalid parameter `Channel`: pigeon", "Channel"),
        ("Invalid parameter: Locale", "Locale"),
        ("Invalid parameter `Tomorrow`: no", None),
        ("To", None),
    ],
)
def test_of_what_twilio_says_only_the_parameters_name_is_kept(words, parameter):
    body = f'{{"code": 60200, "message": "{words}"}}'.encode()
    assert of_answer(400, body, None) == Refused(400, 60200, None, parameter)


@given(st.integers(400, 499).filter(lambda status: status != 408), st.text())
def test_a_number_in_twilios_words_is_never_kept(status, words):
    told = of_answer(status, b'{"code": 60200, "message": "' + words.encode() + b'"}', None)
    assert isinstance(told, Refused)
    assert told.parameter in {None, "To", "Channel", "Locale", "Code"}
