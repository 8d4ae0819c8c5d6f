"""Proving a number: limits of our own, and the API; what Verify answers is in web/test_pages.py."""

from datetime import timedelta

import pytest

from smsapp import errors
from smsapp.api_keys import Scope
from smsapp.extensions import db
from smsapp.models import Channel, Phone, Verification
from smsapp.phone import phone_key
from smsapp.providers.outcomes import Refused, Unwritten
from smsapp.recipients import asker, verification
from tests.conftest import ALICE, BOB, change, make_earlier, settings_of
from tests.fake_verify import CODE, VERIFY

HERE, ELSEWHERE, FAR = "192.0.2.1", "198.51.100.0", "203.0.113.0"


def visitor(session="owner", network=HERE):
    return asker.visitor(session, network)


def start(e164=ALICE, session="owner", network=HERE):
    return verification.start(e164, Channel.SMS, visitor(session, network))


def check(code=CODE, session="owner", network=HERE):
    return verification.check(ALICE, code, visitor(session, network))


def enters_wrong_ones(session, network=ELSEWHERE):
    """Let somebody enter wrong codes until no more are taken; return how many were."""
    taken = 0
    with pytest.raises(errors.RateLimited):
        while True:
            assert check("000000", session, network).status == "pending"
            taken += 1
    return taken


def codes_for(session, network, most=9):
    """Let somebody ask for codes to Alice until there are no more; return how many were sent."""
    for number in range(most):
        try:
            start(ALICE, session, network)
        except errors.RateLimited:
            return number
    return most


def later(verify, minutes):
    """Let all codes have been sent so much earlier, and be good no more."""
    verify.pending.clear()
    with db.engine.begin() as conn:
        make_earlier(conn, Verification, timedelta(minutes=minutes), "started_at")


def test_ten_codes_a_day_and_no_more(verify):
    for _ in range(10):
        start()
        later(verify, 11)
    with pytest.raises(errors.RateLimited) as refused:
        start()
    assert refused.value.retry_after > 20 * 3600
    later(verify, 24 * 60)
    start()


def test_a_code_that_was_not_sent_does_not_count(verify):
    for _ in range(5):
        verify.start_answers.append(Unwritten("connect"))
        with pytest.raises(errors.ProviderUnavailable):
            start()
    start()


# Whoever asks for codes to somebody else's number, or enters wrong ones, locks its owner out of
# nothing.


@pytest.mark.parametrize("strangers_network", [HERE, ELSEWHERE])
def test_a_strangers_wrong_codes_leave_the_owner_a_try(verify, strangers_network):
    start()
    start(ALICE, "stranger", strangers_network)
    assert enters_wrong_ones("stranger", strangers_network) == 4
    assert verify.canceled == []
    assert check().approved


def test_the_owner_is_told_how_many_tries_there_really_are(app, verify):
    start()
    start(ALICE, "stranger", ELSEWHERE)
    for _ in range(3):
        check("000000", "stranger", ELSEWHERE)
    assert check("000000").tries_left == 1
    key = phone_key(ALICE, app.extensions["settings"].phone_key_bytes)
    assert verification.status_of(key, visitor()).tries_left == 1
    assert verification.status_of(key, visitor("stranger")).tries_left == 1
    assert verification.status_of(key, visitor("somebody else")) == verification.EXPIRED


def test_who_asked_for_no_code_has_none_to_enter(verify):
    start()
    assert check(session="stranger") == verification.EXPIRED
    assert verify.checks.total() == 0
    assert check().approved


def test_tries_that_are_used_up_come_back_with_a_new_code_and_not_before(verify):
    start()
    assert enters_wrong_ones("owner", HERE) == 4
    assert verify.canceled == []
    first = start()
    assert verify.canceled == ["VE" + "0" * 31 + "1"]
    assert first.sid != verify.canceled[0]
    assert enters_wrong_ones("owner", HERE) == 4


def test_the_same_code_sent_again_brings_no_more_tries(verify):
    start()
    check("000000")
    check("000000")
    start()
    assert enters_wrong_ones("owner", HERE) == 2


def test_a_code_that_somebody_else_had_sent_anew_is_good_in_the_owners_tab(verify, rows):
    start()
    start(ALICE, "stranger", ELSEWHERE)
    enters_wrong_ones("stranger")
    newer = start(ALICE, "stranger", ELSEWHERE)
    verdict = check()
    assert (verdict.approved, verdict.verify_sid) == (True, newer.sid)
    assert [row.verify_sid for row in rows.all(Verification) if row.approved_at] == [newer.sid]


def test_what_twilio_says_is_used_up_is_replaced_whatever_we_counted(verify):
    first = start()
    verify.check_answers.append(Refused(429, 60202, None))
    with pytest.raises(errors.RateLimited):
        check("000000")
    assert start().sid != first.sid
    assert check().approved


def test_strangers_leave_the_owner_a_code_to_ask_for(verify):
    assert codes_for("stranger", ELSEWHERE) == 3
    assert codes_for("another", FAR) == 1
    assert codes_for("owner", HERE) == 1
    assert len(verify.sent) == 5, "as many as Twilio sends"


def test_a_new_session_on_the_same_network_has_no_codes_of_its_own(verify):
    assert [codes_for(f"stranger {n}", ELSEWHERE) for n in range(3)] == [3, 0, 0]
    assert codes_for("owner", HERE) >= 1


def test_a_session_that_changes_its_network_has_no_codes_of_its_own(verify):
    assert [codes_for("stranger", network) for network in (ELSEWHERE, FAR)] == [3, 0]


def test_a_day_keeps_codes_for_the_owner_too(verify):
    for network in (ELSEWHERE, FAR):
        for _ in range(5):
            codes_for("stranger of " + network, network)
            later(verify, 11)
    assert 10 < len(verify.sent) <= 12
    start()


def test_services_enter_what_services_asked_for_and_nothing_of_a_page(app, verify):
    verification.start(ALICE, Channel.SMS, asker.visitor("a session", "198.51.100.7"))
    assert verification.check(ALICE, CODE, asker.service()) == verification.EXPIRED
    verification.start(ALICE, Channel.SMS, asker.service())
    assert verification.check(ALICE, CODE, asker.service()).approved


def test_a_code_that_older_code_asked_for_is_still_good(app, verify):
    start()
    change(app, Verification, session=None, network=None)
    assert check("000000").tries_left == 3
    assert check().approved


def test_a_networks_hash_is_of_this_installation_alone(app, verify, rows):
    start()
    kept = rows.one(Verification).network
    assert kept == visitor().network
    with settings_of(app, SECRET_KEY="another secret key for the tests!", **VERIFY):
        assert kept != visitor().network


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


def test_the_api_takes_a_code_as_the_customer_typed_it(post, verify):
    post("start", phone=ALICE)
    assert post("check", phone=ALICE, code="١٢٣ ٤٥٦\u200b").json["approved"] is True


def test_the_api_takes_any_language(post, verify):
    assert post("start", phone=ALICE, locale="zh-Hant-TW").status_code == 202
    assert verify.locales == ["zh-Hant-TW"]


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


MAIL = "ann@example.com"


def start_by_mail():
    return verification.start(ALICE, Channel.EMAIL, visitor(), address=MAIL)


def test_a_code_to_an_address_proves_the_address_and_never_the_number(app, verify, rows):
    with settings_of(app, **VERIFY, VERIFY_EMAIL="true"), app.app_context():
        start_by_mail()
        assert verify.sent == [(MAIL, "email")]
        assert check() == verification.EXPIRED
        for address in ("bob@example.com", MAIL.upper()):
            verdict = verification.check(ALICE, CODE, visitor(), address=address)
            assert verdict.approved is (address != "bob@example.com")
            if not verdict.approved:
                start_by_mail()
    assert phone_row(rows).verified_at is None
    assert phone_row(rows).email is None


def test_a_code_to_the_number_says_nothing_of_an_address(app, verify):
    with settings_of(app, **VERIFY, VERIFY_EMAIL="true"), app.app_context():
        start_by_mail()
        start()
        assert verification.check(ALICE, "000000", visitor(), address=MAIL).tries_left == 3
        assert check("000000").tries_left == 3
        assert check().approved
        assert verification.check(ALICE, CODE, visitor(), address=MAIL).approved


def test_codes_to_an_address_count_as_the_numbers_own(app, verify):
    with settings_of(app, **VERIFY, VERIFY_EMAIL="true"), app.app_context():
        for _ in range(3):
            start_by_mail()
        for again in (start, start_by_mail):
            with pytest.raises(errors.RateLimited):
                again()


def phone_row(rows):
    return next(row for row in rows.all(Phone) if row.e164 == ALICE)


def test_a_service_may_have_codes_sent_on_whatsapp_and_to_an_address(make_service, verify):
    service = make_service("shop", Scope.VERIFY)

    def asks(path, **body):
        return service.post(f"/api/verify/{path}", json={"phone": ALICE} | body)

    assert asks("start", channel="whatsapp").status_code == 202
    assert asks("check", code=CODE).json["approved"] is True
    faults = asks("start", channel="email").json["details"]["fieldErrors"]
    assert faults == {"email": ["is needed where the channel is email"]}
    assert asks("start", channel="email", email="Ann@Example.com").status_code == 202
    assert asks("check", code=CODE).json == {"approved": False, "status": "expired"}
    assert (
        asks("check", code=CODE, channel="email", email="Ann@Example.com").json["approved"] is True
    )
    assert verify.sent == [(ALICE, "whatsapp"), ("Ann@example.com", "email")]
    assert asks("start", channel="email", email="Ann").status_code == 400
    assert asks("start", email="Ann").status_code == 202


@pytest.mark.parametrize(("code", "error"), [(60217, 503), (60223, 503), (60200, 400)])
def test_a_verify_service_without_a_mailer_is_told_from_a_wrong_address(
    make_service, verify, code, error
):
    service = make_service("shop", Scope.VERIFY)
    verify.start_answers.append(Refused(error if error == 400 else 400, code, None, "To"))
    body = {"phone": ALICE, "channel": "email", "email": MAIL}
    answer = service.post("/api/verify/start", json=body)
    assert answer.status_code == error
    if error == 400:
        assert list(answer.json["details"]["fieldErrors"]) == ["email"]
