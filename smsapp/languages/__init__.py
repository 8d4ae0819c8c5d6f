"""The languages that customers are spoken to in: a catalogue of words each, and Babel's locale.

English is in the code and the templates; every other language is a file of gettext's beside this
one. A word that such a file lacks is said in English.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_time, get_datetime_format
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

FOLDER = Path(__file__).parent
# Each by its own name, in the order of the pages' switch.
NAMES = {"en": "English", "de": "Deutsch", "ko": "한국어", "hi": "हिन्दी"}

# Source: RFC 5646 (BCP 47), section 2.1: language, script, region, variants, extensions, private.
_TAG = re.compile(
    r"(?P<code>[a-z]{2,3})(-[a-z]{3}){0,3}(-[a-z]{4})?(-(?P<region>[a-z]{2}|\d{3}))?"
    r"(-([a-z\d]{5,8}|\d[a-z\d]{3}))*(-[a-wyz\d](-[a-z\d]{2,8})+)*(-x(-[a-z\d]{1,8})+)?"
    r"|x(-[a-z\d]{1,8})+",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Language:
    """A language as it is spoken somewhere: `code` of NAMES, `locale` with the region, if known."""

    code: str
    locale: Locale

    @property
    def tag(self) -> str:
        """Return it by BCP 47: "de-AT"."""
        return str(self.locale).replace("_", "-")

    @property
    def catalogue(self) -> NullTranslations:
        """Return its words."""
        return _catalogue(self.code)

    def gettext(self, message: str, /, **values: object) -> str:
        """Return a message with its values: "Order %(order)s has shipped."."""
        return self.catalogue.gettext(message) % values

    def ngettext(self, one: str, many: str, num: int, /, **values: object) -> str:
        """Return the form of a message that a number calls for; %(num)s is the number."""
        return self.catalogue.ngettext(one, many, num) % {"num": num, **values}

    def listed(self, items: Iterable[str]) -> str:
        """Return things as one says them in a row: "a, b and c"."""
        # American English has a comma before the last, which the world does without.
        locale = "en_001" if self.code == "en" else self.locale
        return format_list(list(items), locale=locale)

    def time_of_day(self, at: datetime) -> str:
        """Return what a clock shows: "14:00"; in English with 24 hours, which all can read."""
        if self.code == "en":
            return f"{at:%H:%M}"
        # In full, for of a Korean afternoon the short form says "PM".
        pattern = str(self.locale.time_formats["short"].pattern).replace("a", "aaaa")
        return format_time(at, pattern, locale=self.locale)

    def joined(self, day: str, time: str) -> str:
        """Return a day with a time: "Fri, Dec 4, 14:00"."""
        return str(get_datetime_format("medium", locale=self.locale)).format(time, day)

    def in_sentence(self, title: str) -> str:
        """Return a title as it stands within a sentence: in English without its capital."""
        return title.lower() if self.code == "en" else title


def is_tag(text: str) -> bool:
    """Whether `text` is a language by BCP 47, of ours or not: "de-AT"."""
    return _TAG.fullmatch(text) is not None


def find(tag: str) -> Language | None:
    """Return the language of ours that a tag by BCP 47 means; None where we have it not."""
    found = _TAG.fullmatch(tag)
    code = str(found and found["code"]).lower()
    return _of(code, found["region"]) if found and code in NAMES else None


def of(tag: str | None) -> Language:
    """Return the same; English for any other, and for none."""
    return find(tag or "") or ENGLISH


def N_(message: str) -> str:
    """Mark a message for the catalogues that is translated later."""
    return message


@lru_cache(maxsize=1024)
def _of(code: str, region: str | None) -> Language:
    try:
        return Language(code, Locale(code, region.upper() if region else None))
    except UnknownLocaleError:  # nobody has written down how it is spoken there
        return Language(code, Locale(code))


@lru_cache
def _catalogue(code: str) -> NullTranslations:
    file = FOLDER / f"{code}.po"
    if not file.exists():  # English
        return NullTranslations()
    compiled = BytesIO()
    with file.open("rb") as words:
        write_mo(compiled, read_po(words, locale=code))
    compiled.seek(0)
    return Translations(compiled)


ENGLISH = _of("en", None)
