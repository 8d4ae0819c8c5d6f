"""Phone numbers: what is one, what of it may be shown, and the key that stands for it."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.phone import EXAMPLE, InvalidPhone, country, mask, parse_e164, phone_key

numbers = st.sampled_from(
    [
        phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
        if (example := phonenumbers.example_number_for_type(region, kind))
    ]
)
any_number = numbers | st.builds(
    lambda code, rest: f"+{code}{rest}",
    st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)),
    st.from_regex(r"[0-9]{4,12}", fullmatch=True),
)


@given(any_number | st.from_regex(r"\+[0-9]{0,17}", fullmatch=True) | st.text())
def test_what_is_accepted_is_a_possible_number_and_stays_as_it_is(text):
    try:
        parsed = parse_e164(text)
    except InvalidPhone as error:
        digits = text.strip("+")
        assert len(digits) < 5 or digits not in str(error)
        return
    assert parsed == text
    number = phonenumbers.parse(text)
    assert phonenumbers.is_possible_number(number)


@given(any_number)
def test_every_possible_number_is_accepted(text):
    number = phonenumbers.parse(text)
    if not phonenumbers.is_possible_number(number):
        return
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if len(written) <= 16:  # some countries' plans allow more than E.164's 15 digits
        assert parse_e164(written) == written


@given(numbers)
def test_a_countrys_example_is_accepted_and_of_that_country(text):
    assert parse_e164(text) == text
    number = phonenumbers.parse(text)
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[number.country_code]
    assert country(text) in regions


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("+15558675310", "US"),
        ("+819012345678", "JP"),
        ("+12025550123", "US"),
        ("+15005550006", "US"),
        ("+447700900123", "GB"),
        ("+14165550123", "CA"),
        ("+80012345678", "001"),
        (EXAMPLE, "US"),
    ],
)
def test_numbers_that_others_use_are_accepted(text, where):
    assert parse_e164(text) == text
    assert country(text) == where


@pytest.mark.parametrize(
    "text",
    ["", "+", "(555) 867-5310", "5558675310", "0015558675310", "+0123456789", "+1 5558675310"],
)
def test_another_form_is_refused_with_an_example_that_works(text):
    with pytest.raises(InvalidPhone, match=r"E\.164") as raised:
        parse_e164(text)
    assert EXAMPLE in str(raised.value)
    assert parse_e164(EXAMPLE)


@given(any_number)
def test_a_mask_shows_at_most_half_of_a_number_and_four_digits(text):
    masked = mask(text)
    shown = masked.lstrip("+*")
    digits = text.removeprefix("+")
    assert len(masked) == len(text)
    assert masked.startswith("+*")
    assert len(shown) <= min(4, len(digits) / 2)
    assert digits.endswith(shown)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+447700900123", "+********0123"),
        ("+2901234", "+****234"),
        ("+12", "+*2"),
        ("+1", "+*"),
        ("+", "+"),
        ("", "+"),
    ],
)
def test_a_mask_in_examples(text, masked):
    assert mask(text) == masked


def test_a_key_says_nothing_without_the_secret():
    key = phone_key(EXAMPLE, b"one secret")
    assert len(key) == 64
    assert set(key) <= set("0123456789abcdef")
    assert key == phone_key(EXAMPLE, b"one secret")
    assert key != phone_key(EXAMPLE, b"another secret")
    assert key != phone_key("+14155552672", b"one secret")
    assert EXAMPLE.strip("+") not in key
