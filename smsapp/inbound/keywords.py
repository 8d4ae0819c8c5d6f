"""The words that mean something to Twilio and to us. A keyword is a whole text, in any case."""

from enum import StrEnum


class Keyword(StrEnum):
    """What a keyword asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


# Twilio's defaults. It has blocked or unblocked the number, and has replied, before it tells us.
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
        opt_out_type: Twilio's own reading, sent with Advanced Opt-Out, which knows words in
            other languages; where it is present it rules.
    """
    if opt_out_type:
        word = opt_out_type.strip().lower()
        return Keyword(word) if word in set(Keyword) else None
    return _MEANING.get(body.strip().upper())
