"""What somebody can agree to be texted about, and the exact words they agree to.

The words are the shop's (shop_words.py); the ledger keeps those that were shown, whatever the file
says later.
"""

import hashlib
from dataclasses import dataclass

from smsapp.extensions import settings
from smsapp.languages import Language
from smsapp.shop_words import Purposes

# All there are, in the order of the pages.
PURPOSES = tuple(Purposes.model_fields)
# Those that are not about what but about how, as Channel has them.
WAYS = frozenset({"whatsapp"})


@dataclass(frozen=True, slots=True)
class Words:
    """The words for one purpose as one shop shows them."""

    version: str
    text: str

    @property
    def hash(self) -> str:
        """Return what the ledger names them by."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Purpose:
    """Something to be texted about; `shown`: whether the shop asks people to agree to it."""

    name: str
    title: str
    shown: bool
    words: Words


def purpose(name: str, language: Language) -> Purpose:
    """Return one of PURPOSES as this shop shows it in a language, or else in its own."""
    config, _ = settings(), language.gettext
    given = getattr(config.words_file.purposes, name)
    said = given.said_in(language.code)
    text = said.words.format(shop=config.shop_name or _("this shop"))
    # Nobody has to think of a version: other words are another.
    version = hashlib.sha256(text.encode()).hexdigest()[:8]
    is_there = name not in WAYS or config.twilio_whatsapp_from is not None
    return Purpose(name, said.title, given.shown and is_there, Words(version, text))


def shown(language: Language) -> list[Purpose]:
    """Return those that people are asked to agree to."""
    return [found for name in PURPOSES if (found := purpose(name, language)).shown]


# What stands in the ledger where a service brought the consent along.
TOLD_BY_SERVICE = Words("api", "A service of the shop said that the customer had agreed.")
