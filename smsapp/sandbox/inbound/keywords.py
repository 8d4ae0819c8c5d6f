"""The words that Twilio itself acts on, and what it answers by default."""

from typing import Literal

Keyword = Literal["STOP", "START", "HELP"]

# Source: twilio.com/docs/messaging/tutorials/advanced-opt-out (REVOKE and OPTOUT: April 2025)
_WORDS: dict[Keyword, frozenset[str]] = {
    "STOP": frozenset(
        {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
    ),
    "START": frozenset({"START", "YES", "UNSTOP"}),
    "HELP": frozenset({"HELP", "INFO"}),
}
REPLIES: dict[Keyword, str] = {
    "STOP": (
        "You have successfully been unsubscribed. You will not receive any more messages from "
        "this number. Reply START to resubscribe."
    ),
    "START": (
        "You have successfully been re-subscribed to messages from this number. Reply HELP for "
        "help. Reply STOP to unsubscribe. Msg&Data Rates May Apply."
    ),
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


def keyword(body: str) -> Keyword | None:
    """Return what a text asks of Twilio; only a word that stands alone counts."""
    word = body.strip().upper()
    return next((kind for kind, words in _WORDS.items() if word in words), None)
