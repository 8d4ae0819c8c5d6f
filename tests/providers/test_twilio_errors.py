import re

import pytest

from smsapp.providers import twilio_codes
from smsapp.providers.twilio_errors import ErrorClass, meaning

SYNC = [20003, 20404, 20429, 20500, 20503, 21211, 21212, 21408, 21602, 21604, 21606, 21608]
SYNC += [21610, 21611, 21612, 21614, 21617, 21703]
SENDER = [20005, 20008, 21603, 21607, 21659, 21660, 21661, 21701, 21704, 21705]
CALLBACK = [30001, 30002, 30003, 30004, 30005, 30006, 30007, 30008, 30009, 30010, 30022, 30023]
CALLBACK += [30017, 30032, 30034, 30036, 30410, 30450, 30500]
WHATSAPP = [63016, 63018, 63024, 63025, 63038]
LISTED = SYNC + SENDER + CALLBACK + WHATSAPP

# (code, http_status) of everything that no list names.
FALLBACKS = [(None, 400), (None, 401), (None, 403), (None, 408), (None, 429), (None, 500)]
FALLBACKS += [(None, None), (0, None), (39999, None), (29999, 400)]


def error_class(code, http_status=None):
    return meaning(code, http_status).error_class


@pytest.mark.parametrize("code", LISTED)
def test_every_code_has_a_meaning_of_its_own(code):
    assert meaning(code).code == code
    assert meaning(code).cause != meaning(39999).cause


def test_no_code_is_in_two_groups():
    groups = [twilio_codes.TRANSIENT, twilio_codes.PERMANENT, twilio_codes.OPT_OUT]
    groups += [twilio_codes.CONFIGURATION, twilio_codes.UNKNOWN]
    codes = [code for group in groups for code in group]
    assert sorted(codes) == sorted(LISTED)


@pytest.mark.parametrize(("code", "http_status"), [(code, None) for code in LISTED] + FALLBACKS)
def test_cause_and_next_step_are_one_plain_sentence_each(code, http_status):
    found = meaning(code, http_status)
    for sentence in (found.cause, found.next_step):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert not re.search(r"[.!?] ", sentence), "one sentence"
        assert "  " not in sentence
        assert not re.search(r"\d{3}", sentence), "no number, price or code"
        assert "http" not in sentence


@pytest.mark.parametrize("code", [20003, 21212, 21606, 30002, 63038, *SENDER])
def test_the_operators_faults_hold_the_sender(code):
    assert error_class(code) is ErrorClass.CONFIGURATION
    assert meaning(code).holds_sender


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        (21408, "Messaging Geographic Permissions"),
        (21608, "Verified Caller IDs"),
        (21703, "sender pool"),
        (30034, "A2P 10DLC registration"),
    ],
)
def test_a_setting_that_stops_some_texts_only_is_named_and_holds_nothing(code, setting):
    assert error_class(code) is ErrorClass.CONFIGURATION
    assert not meaning(code).holds_sender
    assert setting in meaning(code).next_step


def test_only_operators_faults_hold_the_sender():
    assert {code for code in LISTED if meaning(code).holds_sender} == twilio_codes.HOLDS_SENDER


@pytest.mark.parametrize("code", [21610, 30004])
def test_a_stop_is_an_opt_out(code):
    assert error_class(code) is ErrorClass.OPT_OUT


@pytest.mark.parametrize("code", [20429, 21611, 30001, 30003, 30008, 30009, 30022, 63018])
def test_what_may_go_through_later_is_transient(code):
    assert error_class(code) is ErrorClass.TRANSIENT


def test_a_429_that_is_a_daily_limit_is_not_transient():
    assert error_class(63038, 429) is ErrorClass.CONFIGURATION


@pytest.mark.parametrize(("code", "http_status"), [(20500, 500), (20503, 503), (None, 502)])
def test_a_fault_at_twilio_leaves_the_outcome_unknown(code, http_status):
    assert error_class(code, http_status) is ErrorClass.UNKNOWN


@pytest.mark.parametrize(
    ("code", "http_status", "expected"),
    [
        (None, 429, ErrorClass.TRANSIENT),
        (29999, 429, ErrorClass.TRANSIENT),
        (None, 401, ErrorClass.CONFIGURATION),
        (None, 403, ErrorClass.CONFIGURATION),
        (29999, 403, ErrorClass.PERMANENT),
        (29999, 400, ErrorClass.PERMANENT),
        (None, 404, ErrorClass.PERMANENT),
        (None, 408, ErrorClass.UNKNOWN),
        (None, 307, ErrorClass.UNKNOWN),
        (29999, 500, ErrorClass.UNKNOWN),
    ],
)
def test_an_unlisted_code_is_judged_by_the_http_status(code, http_status, expected):
    assert error_class(code, http_status) is expected


def test_refused_credentials_hold_the_sender_even_without_a_code():
    assert meaning(None, 401).holds_sender
    assert meaning(None, 403).holds_sender
    assert not meaning(29999, 403).holds_sender


def test_a_receipt_with_an_unlisted_code_is_permanent_and_says_where_to_look():
    found = meaning(39999)
    assert found.error_class is ErrorClass.PERMANENT
    assert "not in our list" in found.cause
    assert "error dictionary" in found.next_step
    assert found.docs_url == "https://www.twilio.com/docs/api/errors/39999"


@pytest.mark.parametrize("code", [None, 0])
def test_a_failure_without_a_code_claims_no_page_about_it(code):
    assert error_class(code) is ErrorClass.PERMANENT
    assert meaning(code).code is None
    assert meaning(code).docs_url is None


def test_30429_is_no_code_of_twilios():
    assert meaning(30429).cause == meaning(39999).cause
