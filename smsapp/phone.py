"""Phone numbers: reading, masking, and the key that stands for one everywhere else."""

import hmac
import re
from functools import lru_cache

import phonenumbers

# Where the contract wants an example, one that every library accepts.
EXAMPLE = "+14155552671"

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")


class InvalidPhone(ValueError):
    """A number that cannot be one. Its text never repeats the number."""


def parse_e164(text: str) -> str:
    """Return `text` unchanged if it is a possible E.164 number, such as "+447700900123".

    Raises:
        InvalidPhone: It is not in E.164 form, or its length is impossible in its country.

    Source: ITU-T E.164 (11/2010): "+", a country code that does not begin with 0, at most
    15 digits. *Possible*, not *valid*: numbering plans grow faster than any library, and
    Twilio has the last word.
    """
    if not _E164.fullmatch(text):
        raise InvalidPhone(
            f"Use the international (E.164) form: +, country code, number; for example {EXAMPLE}."
        )
    try:
        possible = phonenumbers.is_possible_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        possible = False
    if not possible:
        raise InvalidPhone(
            "This number is too short or too long for its country, or no country has its code; "
            f"a number looks like {EXAMPLE}."
        )
    return text


@lru_cache(maxsize=16_384)  # one text asks three times, and its receipts again
def country(e164: str) -> str:
    """Return the ISO 3166 alpha-2 code of a number's country; "001" for a global number.

    A number not yet handed out counts for the main country of its code: "US" for +1555....
    """
    number = phonenumbers.parse(e164)
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
