"""Phone numbers: what is one, what of it may be shown, and the key that stands for it."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from smsapp.phone import EXAMPLE, InvalidPhone, country, mask, parse_e164, phone_key, reported

numbers = st.sampled_from(
    [
        phonenumbers.format_number(example, PhoneNumberFormat.E164)
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


@given(any_number | st.text("0123456789", max_size=17).map("+".__add__) | st.text())
def test_what_is_accepted_is_a_possible_number_and_its_spelling_is_the_last(text):
    try:
        parsed = parse_e164(text)
    except InvalidPhone as error:
        digits = text.strip("+")
        assert len(digits) < 5 or digits not in str(error)
        return
    assert parse_e164(parsed) == parsed
    assert phonenumbers.is_possible_number(phonenumbers.parse(parsed))


def as_the_library_writes(text):
    return phonenumbers.format_number(phonenumbers.parse(text), PhoneNumberFormat.E164)


@given(any_number)
def test_every_possible_number_that_is_spelled_right_stays_as_it_is(text):
    if not phonenumbers.is_possible_number(phonenumbers.parse(text)):
        return
    written = as_the_library_writes(text)
    if as_the_library_writes(written) != written or written.startswith(("+54", "+55")):
        return
    if len(written) <= 16:  # some countries' plans allow more than E.164's 15 digits
        assert parse_e164(written) == written


@given(numbers)
def test_a_prefix_that_is_dialled_inside_a_country_makes_no_other_number(text):
    number = phonenumbers.parse(text)
    region = phonenumbers.region_code_for_number(number)
    prefix = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or "0"
    digits = phonenumbers.national_significant_number(number)
    with_prefix = f"+{number.country_code}{prefix}{digits}"
    is_another = as_the_library_writes(with_prefix) == with_prefix
    if is_another and phonenumbers.is_valid_number(phonenumbers.parse(with_prefix)):
        return  # Ascension and Italy have numbers with and without a 0
    try:
        assert parse_e164(with_prefix) == parse_e164(text)
    except InvalidPhone:
        return


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        # A trunk prefix after the country code.
        ("+4407700900123", "+447700900123"),
        ("+387061123456", "+38761123456"),
        ("+460701234567", "+46701234567"),
        ("+49015123456789", "+4915123456789"),
        ("+330612345678", "+33612345678"),
        ("+610412345678", "+61412345678"),
        ("+8109012345678", "+819012345678"),
        ("+9109812345678", "+919812345678"),
        ("+3606201234567", "+36201234567"),
        ("+9005012345678", "+905012345678"),
        ("+2540712345678", "+254712345678"),
        ("+241077123456", "+24177123456"),
        ("+112025550123", "+12025550123"),
        ("+480512345678", "+48512345678"),
        ("+789161234567", "+79161234567"),
        # Marks of a mobile number.
        ("+5215512345678", "+525512345678"),
        ("+541123456789", "+5491123456789"),
        ("+54111523456789", "+5491123456789"),
        ("+540111523456789", "+5491123456789"),
        ("+551187654321", "+5511987654321"),
        # Where a 0 is a part of the number.
        ("+390612345678", "+390612345678"),
        ("+24106031234", "+24106031234"),
        ("+2250712345678", "+2250712345678"),
    ],
)
def test_what_is_certainly_meant_is_made_right(written, meant):
    assert parse_e164(written) == parse_e164(meant) == meant


@pytest.mark.parametrize("text", ["+241061234567", "+5411151234567"])
def test_where_nobody_can_be_certain_which_number_is_meant_it_is_refused(text):
    with pytest.raises(InvalidPhone, match="digits that do not belong there"):
        parse_e164(text)


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("+447700900123", "+447700900123"),
        ("whatsapp:+447700900123", "+447700900123"),
        ("rcs:+15005550117", "+15005550117"),
        ("rcs:+15005550117@rcs.example.com", "+15005550117"),
        ("+1 (773) 555-3008", "+17735553008"),
        ("+5215512345678", "+525512345678"),
        ("whatsapp:+551187654321", "+5511987654321"),
        ("+5411151234567", "+5411151234567"),
        ("+999123456789", "+999123456789"),
        ("12345", None),
        ("messenger:1234567890123456", None),
        ("whatsapp:US.13491208655302741918", None),
        ("", None),
    ],
)
def test_what_twilio_reports_is_a_number_or_none_but_never_refused(address, number):
    assert reported(address) == number
    assert country(address.rpartition(":")[2])


def test_a_short_brazilian_number_is_no_callers_but_may_be_reported():
    with pytest.raises(InvalidPhone, match="too short"):
        parse_e164("+551198765432")
    assert reported("whatsapp:+551198765432") == "+5511998765432"


@given(any_number)
def test_a_reported_number_is_the_one_that_a_caller_would_be_read_as(text):
    try:
        number = parse_e164(text)
    except InvalidPhone:
        return
    assert reported(text) == reported(f"rcs:{text}") == number


@given(numbers)
def test_a_countrys_example_is_accepted_and_of_that_country(text):
    number = phonenumbers.parse(parse_e164(text))
    assert parse_e164(text) == text or number.country_code == 54
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
