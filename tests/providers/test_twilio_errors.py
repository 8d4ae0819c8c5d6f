import re

import pytest

from smsapp.providers import (
    mail_codes,
    sip_codes,
    twilio_codes,
    verify_codes,
    voice_codes,
    whatsapp_codes,
)
from smsapp.providers.twilio_errors import ErrorClass, meaning

# Every code that Twilio's descriptions of messages, calls, WhatsApp and Verify have.
SENDS = """
    20003 20005 20008 20404 20429 20500 20503 21211 21212 21408 21602 21603 21604 21606 21607 21608
    21609 21610 21611 21612 21614 21617 21655 21656 21659 21660 21661 21701 21703 21704 21705 21910
    63038 92005
"""
RECEIPTS = """
    30001 30002 30003 30004 30005 30006 30007 30008 30009 30010 30017 30022 30023 30032 30034 30036
    30410 30450 30500
"""
CALLS = """
    10004 11100 11200 11205 11206 11210 11215 11220 11235 11236 11237 11750 11770 12100 12200 12300
    13210 13214 13223 13224 13225 13227 13511 13520 14107 15003 21201 21205 21210 21213 21214 21215
    21216 21217 21219 21220 21234 21262 21263 32009 32014 32017 32203 32205
"""
WHATSAPP = """
    63001 63002 63003 63005 63006 63007 63008 63009 63010 63011 63012 63013 63014 63015 63016 63017
    63018 63019 63020 63021 63022 63024 63025 63026 63027 63028 63029 63030 63031 63032 63033 63034
    63036 63037 63040 63041 63042 63043 63044 63045 63047 63049 63051 63062
"""
VERIFY = """
    60001 60006 60033 60200 60202 60203 60205 60207 60212 60217 60221 60223 60238 60410 60436 60605
"""
# Every reply that mail servers give by the standards to who hands them a mail.
MAIL = """
    421 432 450 451 452 454 455 500 501 502 503 504 521 530 534 535 538 550 551 552 553 554 555 556
"""
# How SIP says that a call was not taken; 408 stands for all that it says of none else.
SIP = "404 408 410 480 484 486 487 603 607 608"
LISTED = f"{SENDS} {RECEIPTS} {CALLS} {WHATSAPP} {VERIFY} {MAIL} {SIP}".split()
LISTED = [int(code) for code in LISTED]
TABLES = [twilio_codes, voice_codes, sip_codes, whatsapp_codes, verify_codes, mail_codes]
# Faults of ours that nothing leaves with.
SENDER = [20003, 20005, 20008, 20404, 21212, 21603, 21607, 21609, 21659, 21660, 21661]
SENDER += [21701, 21704, 21705, 30002, 63007, 63038]

# (code, http_status) of everything that no list names.
FALLBACKS = [(None, 400), (None, 401), (None, 403), (None, 408), (None, 429), (None, 500)]
FALLBACKS += [(None, None), (0, None), (39999, None), (29999, 400), (471, 471), (571, 571)]


def error_class(code, http_status=None):
    return meaning(code, http_status).error_class


@pytest.mark.parametrize("code", LISTED)
def test_every_code_has_a_meaning_of_its_own(code):
    assert meaning(code).code == code
    assert meaning(code).cause != meaning(39999).cause


def test_no_code_is_in_two_groups_and_none_is_missing():
    codes = [
        code for table in TABLES for name in ErrorClass for code in getattr(table, name.name, {})
    ]
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


@pytest.mark.parametrize("code", SENDER)
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


@pytest.mark.parametrize("code", [21215, 21408, 21606, 21612, 21703])
def test_what_is_about_a_destination_holds_its_country_alone(code):
    assert error_class(code) is ErrorClass.CONFIGURATION
    assert meaning(code).holds_country
    assert not meaning(code).holds_sender


@pytest.mark.parametrize("code", [20429, 21611, 30001, 30022, 63017, 63018])
def test_what_is_too_fast_slows_the_sender(code):
    assert error_class(code) is ErrorClass.TRANSIENT
    assert meaning(code).slows_sender


def test_only_what_says_too_little_may_turn_out_to_be_the_senders_fault():
    assert [code for code in LISTED if meaning(code).suspects_sender] == [554]
    assert meaning(29999, 400).suspects_sender
    assert meaning(None, 404).suspects_sender
    assert not meaning(None, 429).suspects_sender


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
