"""The keywords STOP, START and HELP, and the other words for them.

Out means out: what is plainly a STOP stops, also where Twilio, which takes a bare word alone, sees
none and neither blocks the number nor replies. START and HELP are read as strictly as Twilio reads
them: a number that it still blocks must not look open here.
"""

import re
import unicodedata
from enum import StrEnum


class Keyword(StrEnum):
    """What a keyword asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


# Twilio's defaults. Before it tells us, it has blocked or unblocked the number and has replied.
WORDS = {
    Keyword.STOP: ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
    Keyword.START: ("START", "UNSTOP", "YES"),
    Keyword.HELP: ("HELP", "INFO"),
}
_MEANING = {word: keyword for keyword, words in WORDS.items() for word in words}

# Those that are about nothing but texts: "Cancel?" may be about an order.
_PLAIN_STOPS = {"STOP", "STOPALL", "UNSUBSCRIBE", "OPTOUT"}

# What somebody says who wants no more texts, in a sentence of their own: for a person to decide.
_SOUNDS_LIKE_STOP = re.compile(
    r"\b(stop|unsubscribe|cancel|quit|revoke|opt(ing)?[ -]?(\w+ )?out"
    r"|(don.?t|do not|never|quit) (\w+ )?"
    r"(text|texts|texting|message|messages|messaging|contact|contacting|sms)"
    r"|remove me|take me off|lose my number|no more|leave me alone|wrong (number|person))\b",
    re.IGNORECASE,
)


def read(body: str, opt_out_type: str | None) -> Keyword | None:
    """Return what a text asks for, or None.

    Args:
        body: The text.
        opt_out_type: What Twilio itself took the text for. It says so with Advanced Opt-Out, which
            knows words of other languages; a word of its that we don't know leaves the text's own.
    """
    word = (opt_out_type or "").strip().lower()
    if word in set(Keyword):
        return Keyword(word)
    if keyword := _MEANING.get(body.strip().upper()):
        return keyword
    return Keyword.STOP if _is_stop(body) else None


def sounds_like_stop(body: str) -> bool:
    """Whether a text that is no keyword may mean one, so that somebody should read it first."""
    return bool(_SOUNDS_LIKE_STOP.search(unicodedata.normalize("NFKC", body)))


def _is_stop(body: str) -> bool:
    """Whether it is a STOP alone, but for signs, blanks, and a phone's signature below it."""
    return first_line(body) in _PLAIN_STOPS


def first_line(body: str) -> str:
    """Return the letters and digits of a text's first line that has any, in capitals."""
    return next((letters for line in body.splitlines() if (letters := _letters(line))), "")


def _letters(line: str) -> str:
    """Return a line's letters and digits alone, in capitals: “Stop all 🛑” is STOPALL."""
    folded = unicodedata.normalize("NFKC", line).upper()
    return "".join(char for char in folded if char.isalnum())
