"""What somebody can agree to be texted about, and the exact words they agree to.

The words are the shop's (shop_words.py); the ledger keeps those that were shown, whatever the file
says later.
"""

import hashlib
from dataclasses import dataclass

from smsapp.extensions import settings
from smsapp.languages import N_, Language
from smsapp.shop_words import Purposes

# All there are, in the order of the pages.
PURPOSES = tuple(Purposes.model_fields)
# Those that are not about what but about how, as Channel has them.
WAYS = frozenset({"whatsapp"})
# Beside them, of no texts: to be written to by e-mail where a text cannot reach one.
EMAIL = "email"
# Of no customers: to be paged, which is asked of those alone who are put in for it.
ON_CALL = "on_call"


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
    """Return a purpose, EMAIL or ON_CALL, as this shop shows it in a language, or in its own."""
    config, _ = settings(), language.gettext
    shop = config.shop_name or _("this shop")
    if name == EMAIL:
        return Purpose(name, _("E-mail"), True, _words(_(E_MAIL, shop=shop)))
    if name == ON_CALL:
        return Purpose(name, "On call", False, _words(PAGED.format(shop=shop)))
    given = getattr(config.words_file.purposes, name)
    said = given.said_in(language.code)
    is_there = name not in WAYS or config.twilio_whatsapp_from is not None
    return Purpose(name, said.title, given.shown and is_there, _words(said.words.format(shop=shop)))


def _words(text: str) -> Words:
    # Nobody has to think of a version: other words are another.
    return Words(hashlib.sha256(text.encode()).hexdigest()[:8], text)


def shown(language: Language) -> list[Purpose]:
    """Return those that people are asked to agree to."""
    return [found for name in PURPOSES if (found := purpose(name, language)).shown]


# What is agreed to with an address; the shop's file has no words about it.
E_MAIL = N_(
    "I agree that %(shop)s writes to me by e-mail where a text cannot reach me, about the same"
    " things. I can turn this off here, or by a link in each e-mail, at any time."
)
# What whoever is put in for it reads with the code that they enter, or let an operator enter.
PAGED = (
    "I am on call for {shop}: I am texted and called at any hour, however often, when something is"
    " wrong. I can have myself taken out, and reply STOP, at any time."
)
# What stands in the ledger where a service brought the consent along.
TOLD_BY_SERVICE = Words("api", "A service of the shop said that the customer had agreed.")
