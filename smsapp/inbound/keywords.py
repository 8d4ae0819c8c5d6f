"""The keywords STOP, START and HELP, and the other words for them.

A keyword is the whole of a text, in upper or lower case.
"""

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


def read(body: str, opt_out_type: str | None) -> Keyword | None:
    """Return what a text asks for, or None.

    Args:
        body: The text.
        opt_out_type: What Twilio itself took the text for. It says so with Advanced Opt-Out, which
            knows words of other languages; where it does, that counts.
    """
    if opt_out_type:
        word = opt_out_type.strip().lower()
        return Keyword(word) if word in set(Keyword) else None
    return _MEANING.get(body.strip().upper())
