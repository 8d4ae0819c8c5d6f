"""The pages send codes where the shop's customers are; services know that themselves."""

import pytest

from smsapp import config, errors
from smsapp.models import Channel
from smsapp.recipients import asker, code_destinations, verification
from tests.conftest import ALICE, BOB, ENVIRONMENT, settings_of
from tests.fake_verify import VERIFY

CAUTIOUS = {"VERIFY_COUNTRIES": "", "VERIFY_CALLS": ""}
JAMAICA = "+18762101234"  # +1 too


def refused(e164, channel, **environment):
    settings = config.load(ENVIRONMENT | CAUTIOUS | environment)
    try:
        code_destinations.refuse(e164, channel, settings)
    except errors.SmsappError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    ("e164", "channel", "environment", "code"),
    [
        (ALICE, Channel.SMS, {}, None),
        (ALICE, Channel.CALL, {}, "calls_not_offered"),
        (ALICE, Channel.CALL, {"VERIFY_CALLS": "true"}, None),
        (BOB, Channel.SMS, {}, "country_not_served"),
        (BOB, Channel.CALL, {}, "country_not_served"),
        (JAMAICA, Channel.SMS, {}, "country_not_served"),
        (BOB, Channel.SMS, {"VERIFY_COUNTRIES": "GB"}, None),
        (ALICE, Channel.SMS, {"VERIFY_COUNTRIES": "GB"}, "country_not_served"),
        (BOB, Channel.SMS, {"VERIFY_COUNTRIES": "all"}, None),
    ],
)
def test_the_pages_send_texts_to_the_countries_served(e164, channel, environment, code):
    assert refused(e164, channel, **environment) == code


def test_a_service_may_send_where_the_pages_may_not(app, verify):
    with settings_of(app, **VERIFY, **CAUTIOUS):
        with pytest.raises(errors.CountryNotServed):
            verification.start(BOB, Channel.CALL, asker.visitor("somebody", "192.0.2.0/32"))
        verification.start(BOB, Channel.CALL, asker.service())
    assert verify.sent == [(BOB, "call")]
