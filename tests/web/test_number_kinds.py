"""What is known about a number before a code is spent on it."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType as Kind

from smsapp.web import number_kinds


def examples(*kinds):
    """Return the library's own numbers of these kinds, of all countries, in E.164."""
    found = [
        phonenumbers.example_number_for_type(region, kind)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in kinds
    ]
    form = phonenumbers.PhoneNumberFormat.E164
    return st.sampled_from([phonenumbers.format_number(n, form) for n in found if n])


@given(examples(Kind.PAGER, Kind.PREMIUM_RATE, Kind.SHARED_COST, Kind.TOLL_FREE, Kind.UAN))
def test_what_can_be_nobodys_mobile_is_refused_by_its_name(e164):
    assert number_kinds.nobodys_mobile(e164)


@given(examples(Kind.MOBILE))
def test_a_mobile_is_neither_refused_nor_asked_about(e164):
    assert number_kinds.nobodys_mobile(e164) is None
    assert number_kinds.is_known(e164)
    assert not number_kinds.is_landline(e164)


@pytest.mark.parametrize(
    ("e164", "sentence"),
    [
        ("+447640123456", "a pager's number"),
        ("+449012345678", "a premium-rate number"),
        ("+491801234567", "a shared-cost number"),
        ("+18005551234", "a freephone number"),
    ],
)
def test_each_kind_has_its_name(e164, sentence):
    assert sentence in (number_kinds.nobodys_mobile(e164) or "")


@pytest.mark.parametrize("e164", ["+442079460018", "+493012345678", "+33123456789"])
def test_a_landline_is_known_as_one(e164):
    assert number_kinds.is_landline(e164)


@pytest.mark.parametrize("e164", ["+15558675310", "+447700900123"])
def test_a_possible_number_that_its_country_does_not_have_is_told_apart(e164):
    assert not number_kinds.is_known(e164)
