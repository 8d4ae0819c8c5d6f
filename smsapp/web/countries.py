"""Countries as the number field knows them: names, examples, and how a number is read in one."""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from babel import Locale, parse_locale
from babel.core import get_global
from flask import request
from phonenumbers import PhoneNumberFormat, PhoneNumberType, ValidationResult

from smsapp import typed
from smsapp.languages import N_
from smsapp.phone import InvalidPhone, parse_e164

FALLBACK = "US"
# Longer than any number that a person types, spaces, brackets and all.
MAX_CHARACTERS = 60
TOO_LONG = N_("That number has too many digits. Check it for a slip")
LIKE = N_("Enter a mobile number, like %(example)s")


@dataclass(frozen=True, slots=True)
class Country:
    """A country: "GB", "United Kingdom", 44, and a mobile number as people there write it."""

    region: str
    name: str
    code: int
    example: str


@lru_cache
def all_countries(language: str = "en") -> dict[str, Country]:
    """Return every country that has numbers, by region, in the order of their names."""
    names = Locale(language).territories
    countries = [
        Country(
            region, names[region], phonenumbers.country_code_for_region(region), _example(region)
        )
        for region in phonenumbers.SUPPORTED_REGIONS
    ]
    return {c.region: c for c in sorted(countries, key=lambda country: _plain(country.name))}


def guess() -> str:
    """Return the region that the browser's languages name, such as GB for en-GB, else US.

    One that names none counts for where most who speak it live, but for English, which is
    everywhere.

    Source: RFC 5646 (BCP 47), section 2.1: language, script, region, variants, extensions; and
    CLDR's likely subtags.
    """
    for language, _ in request.accept_languages:
        # What follows a letter alone are extensions ("-u-hc-h12"), which name no country.
        tag = re.split(r"-\w-", language.replace("_", "-"))[0]
        try:
            spoken, region = parse_locale(tag, sep="-")[:2]
        except ValueError:
            continue
        if region is None and spoken != "en":
            likely = get_global("likely_subtags").get(spoken, "")
            region = likely.rpartition("_")[2]
        if region in all_countries():
            return region
    return FALLBACK


def to_e164(text: str, region: str) -> str:
    """Return `text` as an E.164 number, such as "+447700900123".

    Args:
        text: What a person typed; spaces, brackets and a leading 0 are fine. With a + or 00
            before it, it is international, whatever the region.
        region: ISO 3166 alpha-2 code that a national number is read in.

    Raises:
        InvalidPhone: It cannot be read, or its length is impossible; in words for that person,
            to be translated, where %(example)s stands for the country's example.

    Source: ITU-T E.164 (11/2010): "+" and at most 15 digits.
    """
    text = typed.clean(text).strip()
    if not text:
        raise InvalidPhone(N_("Enter your mobile number"))
    if text.startswith("00"):
        text = f"+{text[2:]}"
    try:
        number = phonenumbers.parse(text[:MAX_CHARACTERS], region)
    except phonenumbers.NumberParseException as error:
        if error.error_type == error.INVALID_COUNTRY_CODE:
            unknown = N_("No country has that code. Check what comes after the +")
            raise InvalidPhone(unknown) from None
        if error.error_type == error.TOO_LONG:
            raise InvalidPhone(TOO_LONG) from None
        raise InvalidPhone(LIKE) from None
    if number.extension:
        raise InvalidPhone(N_("Leave out the extension: a code cannot reach it, only the number"))
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason in {ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY}:
        raise InvalidPhone(N_("That number has too few digits. Give all of it, with its area code"))
    with suppress(InvalidPhone):  # its words are for programs
        return parse_e164(phonenumbers.format_number(number, PhoneNumberFormat.E164))
    too_long = reason == ValidationResult.TOO_LONG
    raise InvalidPhone(TOO_LONG if too_long else LIKE)


def _example(region: str) -> str:
    """Return a mobile number as it is written there; Tristan da Cunha has only fixed lines."""
    number = phonenumbers.example_number_for_type(
        region, PhoneNumberType.MOBILE
    ) or phonenumbers.example_number(region)
    return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL) if number else ""


def _plain(name: str) -> str:
    """Return a name to sort by: Åland Islands among the A."""
    letters = unicodedata.normalize("NFKD", name)
    return "".join(c for c in letters if not unicodedata.combining(c)).casefold()
