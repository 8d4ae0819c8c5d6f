"""flask doctor: what is wrong with calls, and what to do about it."""

import pytest

from smsapp import phone_menu
from smsapp.doctor.findings import Mark
from tests.conftest import ENVIRONMENT, on_one_database

pytestmark = on_one_database
FROM = ENVIRONMENT["TWILIO_FROM_NUMBER"]
VOICE = {
    "TWILIO_VOICE_FROM": FROM,
    "VOICE_MENU": str(phone_menu.EXAMPLE_FILE),
    "VOICE_NUMBERS": "shop=+12025550100,orders=+12025550101",
}


@pytest.fixture
def found(examine, address):
    """Return the findings about calls, of a number whose settings at Twilio are these."""
    base = f"{address}/twilio/voice"
    right = {
        "voice_number": FROM,
        "voice_url": f"{base}/incoming",
        "voice_fallback_url": f"{base}/fallback",
        "voice_status_url": f"{base}/status#rc=5&rp=all",
    }

    def found(environment=VOICE, **changes):
        findings = examine(sandbox=right | changes, **environment)
        return [finding for finding in findings if finding.about == "Calls"]

    return found


def test_a_number_whose_webhooks_lead_here_is_in_order(found):
    (finding,) = found()
    assert finding.mark is Mark.OK
    assert finding.words.endswith("calls, and who rings it comes here")


@pytest.mark.parametrize(
    ("name", "url", "advice"),
    [
        ("voice_url", "https://demo.twilio.com/welcome/voice/", "“A call comes in”"),
        ("voice_status_url", None, "“Call status changes”"),
        ("voice_fallback_url", None, "“Primary handler fails”"),
    ],
)
def test_each_webhook_that_leads_elsewhere_is_told_with_the_right_one(found, name, url, advice):
    (finding,) = found(**{name: url})
    assert finding.mark is Mark.FAULT
    assert advice in finding.advice
    assert finding.advice.count("“") == 1


def test_a_number_that_takes_no_calls_is_told(found):
    (finding,) = found(voice_number=None)
    assert "can neither call nor be called" in finding.words


def test_without_a_menu_it_says_what_callers_hear(found):
    warned, _ = found(VOICE | {"VOICE_MENU": "", "VOICE_NUMBERS": ""})
    assert warned.mark is Mark.WARNING


def test_a_part_that_is_not_set_up_says_so(found):
    (finding,) = found({})
    assert (finding.mark, finding.words) == (
        Mark.OK,
        "not set up: nobody is called, and nobody can ring",
    )
