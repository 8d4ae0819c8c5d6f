"""How a number is read in a country, and which country that is."""

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from smsapp.phone import InvalidPhone
from smsapp.web import countries
from tests.conftest import ALICE, BOB
from tests.test_typed import UNSEEN


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        ("٠٠٤٤ ٧٧٠٠ ٩٠٠١٢٣", "US"),
        ("۰۷۷۰۰ ۹۰۰۱۲۳", "GB"),
        ("०७७०० ९००१२३", "GB"),
        ("＋４４ ７７００ ９００１２３", "US"),
        ("\u202a+44 7700 900123\u202c", "US"),  # as copied from contacts
        ("tel:+44-7700-900123", "US"),
    ],
)
def test_every_scripts_digits_are_read_also_before_a_country_code(typed, region):
    assert countries.to_e164(typed, region) == BOB


@given(st.sampled_from(UNSEEN), st.integers(0, len(ALICE)))
def test_what_nobody_sees_in_a_number_changes_nothing(unseen, place):
    assert countries.to_e164(ALICE[:place] + unseen + ALICE[place:], "US") == ALICE


@pytest.mark.parametrize(
    "typed",
    ["202 555 0123 x55", "(202) 555-0123 ext. 55", "+1 202 555 0123;ext=55", "2025550123#55"],
)
def test_an_extension_is_refused_with_its_reason(typed):
    with pytest.raises(InvalidPhone, match="Leave out the extension"):
        countries.to_e164(typed, "US")


@pytest.mark.parametrize(
    ("languages", "region"),
    [
        ("en-GB-oxendict", "GB"),
        ("en-GB-oxendict,en;q=0.9", "GB"),
        ("zh-Hant-TW", "TW"),
        ("en-gb", "GB"),
        ("fr_CA", "CA"),
        ("de-AT-1996", "AT"),
        ("en-IE-u-hc-h12", "IE"),
        ("de-x-at", "DE"),
        ("de,en-US;q=0.7,en;q=0.3", "DE"),  # as Firefox asks in German
        ("en,de-AT;q=0.5", "AT"),
        ("en", "US"),
        ("tlh", "US"),
        ("es-419,es-MX;q=0.8", "MX"),
        ("*", "US"),
        ("not a language!", "US"),
        ("xx-ZZ", "US"),
        ("", "US"),
    ],
)
def test_the_country_is_the_region_that_a_language_names(languages, region):
    with Flask(__name__).test_request_context(headers={"Accept-Language": languages}):
        assert countries.guess() == region
