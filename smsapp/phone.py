"""Phone numbers: reading, masking, and the key that stands for one everywhere else."""

import hmac
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

import phonenumbers

# Where the contract wants an example, one that every library accepts.
EXAMPLE = "+14155552671"
# Where somebody may paste an example into a shell: nobody is given a number of 555-01xx.
NOBODYS = "+12025550123"

# Whose country it is where nobody can say, by ISO 3166.
NO_COUNTRY = "ZZ"

MEXICO, ARGENTINA = 52, 54

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_BETWEEN = re.compile(r"[\s().-]")
_DIGITS = re.compile(r"\+[0-9]{2,15}")
_FORM = phonenumbers.PhoneNumberFormat.E164

# Where one line has had two numbers in E.164 form, and the library tells them apart. Twilio and
# WhatsApp still report the older ones.
_OBSOLETE = (
    # Mexico: since August 2019 there is no 1 before a mobile number.
    (re.compile(r"\+521(\d{10})"), r"+52\1"),
    # Argentina: mobile and fixed lines share their area codes, and no number is given twice. A 9
    # stands before what can be texted, and is often left out.
    (re.compile(r"\+54([123]\d{9})"), r"+549\1"),
    # Brazil: since 2016 every mobile number has a 9 before its eight digits, which WhatsApp leaves
    # out of older ones.
    (re.compile(r"\+55(\d\d)([68]\d{7})"), r"+55\g<1>9\2"),
)
# The same; but from a caller it may be a number of today that lacks its last digit.
_BRAZIL_OR_SHORT = re.compile(r"\+55(\d\d)(9\d{7})")

_IMPOSSIBLE = (
    "This number is too short or too long for its country, or no country has its code; "
    f"a number looks like {EXAMPLE}."
)


class InvalidPhone(ValueError):
    """A number that cannot be one. Its text never repeats the number."""


@lru_cache(maxsize=16_384)  # one text asks for its number more than once
def parse_e164(text: str) -> str:
    """Return the one spelling of an E.164 number, such as "+447700900123".

    What is certainly meant is made right: "+4407700900123", with a 0 that is dialled inside the
    country alone, or "+5215512345678", as it was before 2019.

    Raises:
        InvalidPhone: It is not in E.164 form, or its length is impossible in its country, or it
            is spelled wrong and nobody can be certain which number is meant.

    Source: ITU-T E.164 (11/2010): "+", a country code that does not begin with 0, at most
    15 digits. *Possible*, not *valid*: numbering plans grow faster than any library, and
    Twilio has the last word.
    """
    if not _E164.fullmatch(text):
        raise InvalidPhone(
            f"Use the international (E.164) form: +, country code, number; for example {EXAMPLE}."
        )
    number = _parsed(text)
    spelled = _respelled(number)
    if spelled == text:
        if _BRAZIL_OR_SHORT.fullmatch(text) or not phonenumbers.is_possible_number(number):
            raise InvalidPhone(_IMPOSSIBLE)
    elif parse_e164(spelled) != spelled or not _is_certain(text, _parsed(spelled)):
        raise InvalidPhone(
            "This number has digits that do not belong there, such as a 0 after the country code; "
            f"a number looks like {EXAMPLE}."
        )
    return spelled


def _parsed(text: str) -> phonenumbers.PhoneNumber:
    try:
        return phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        raise InvalidPhone(_IMPOSSIBLE) from None


def _respelled(number: phonenumbers.PhoneNumber) -> str:
    """Return how a number is written, as far as can be told; prefixes were dropped by reading it.

    Where a country knows of no such prefix, a 0 that makes a number invalid is one all the same.
    """
    e164 = phonenumbers.format_number(number, _FORM)
    for before, after in _OBSOLETE:
        if match := before.fullmatch(e164):
            return match.expand(after)
    if number.italian_leading_zero and not phonenumbers.is_valid_number(number):
        digits = phonenumbers.national_significant_number(number)
        without = f"+{number.country_code}{digits[1:]}"
        if phonenumbers.is_valid_number(_parsed(without)):
            return without
    return e164


def _is_certain(text: str, number: phonenumbers.PhoneNumber) -> bool:
    """Whether `text` certainly means `number`.

    A valid number is no accident. One that is only possible, such as those that nobody is given,
    has to be what is left without the prefix that is dialled inside its country.
    """
    if phonenumbers.is_valid_number(number):
        return True
    code = number.country_code or 0
    region = phonenumbers.region_code_for_country_code(code)
    prefix = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True)
    return text == f"+{code}{prefix}{phonenumbers.national_significant_number(number)}"


def other_spellings(e164: str) -> Iterator[str]:
    """Yield wrong spellings of a number that callers use and that certainly mean it."""
    number = _parsed(e164)
    code, digits = number.country_code or 0, phonenumbers.national_significant_number(number)
    region = phonenumbers.region_code_for_country_code(code)
    marks = {"0", phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or "0"}
    marks |= {"1"} if code == MEXICO else set()
    others = {f"+{code}{mark}{digits}" for mark in marks}
    others |= {f"+{code}{digits[1:]}"} if code == ARGENTINA else set()
    for other in sorted(others):
        with suppress(InvalidPhone):
            if parse_e164(other) == e164 != other:
                yield other


def reported(address: str) -> str | None:
    """Return the number that an address names of which Twilio tells us; None if it names none.

    An address is "+447700900123", "whatsapp:+447700900123", "rcs:+447700900123", with blanks or
    a host behind it perhaps. What Twilio reports is not refused: where we cannot read a number,
    it is taken as it is.
    """
    name = address.rpartition(":")[2].partition("@")[0]
    number = _BETWEEN.sub("", name)
    if not _DIGITS.fullmatch(number):
        return None
    try:
        return parse_e164(
            _BRAZIL_OR_SHORT.sub(r"+55\g<1>9\2", number) if len(number) == 13 else number
        )
    except InvalidPhone:
        return number


@lru_cache(maxsize=16_384)  # one text asks three times, and its receipts again
def country(e164: str) -> str:
    """Return the ISO 3166 alpha-2 code of a number's country; "001" for a global number.

    A number not yet handed out counts for the main country of its code: "US" for +1555....
    Where no country has the code it is "ZZ".
    """
    try:
        number = _parsed(e164)
    except InvalidPhone:
        return NO_COUNTRY
    main = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return phonenumbers.region_code_for_number(number) or main


def mask(e164: str) -> str:
    """Return a number that a log or a page may show: "+447700900123" -> "+********0123".

    At least half of the digits are hidden, however short the number is.
    """
    digits = e164.removeprefix("+")
    shown = min(4, len(digits) // 2)
    return f"+{'*' * (len(digits) - shown)}{digits[len(digits) - shown :]}"


def phone_key(e164: str, secret: bytes) -> str:
    """Return the 64 hex digits that stand for a number in every table but `phone`.

    An HMAC, because there are few enough numbers to try them all against a bare hash.
    """
    return hmac.digest(secret, e164.encode(), "sha256").hex()


def key_for_tests(e164: str, secret: bytes) -> str:
    """Return what stands for a number where test keys write to it: nothing of it is its person's.

    So neither their consents and opt-outs nor what waits for them is met by a test.
    """
    return phone_key(f"test:{e164}", secret)
