"""Words as a voice says them, in TwiML made by Twilio's own library."""

import re
from collections.abc import Mapping
from typing import Any

from twilio.twiml.voice_response import Gather, VoiceResponse

from smsapp.languages import Language

# What Twilio calls the languages of ours.
# Source: https://www.twilio.com/docs/voice/twiml/say/text-speech
TAGS = {"en": "en-US", "de": "de-DE", "ko": "ko-KR", "hi": "hi-IN"}
# What Twilio says in one verb.
MAX_CHARACTERS = 4096
# A message after the tone: longer ones are not written down, and so much silence ends it.
# Source: https://www.twilio.com/docs/voice/twiml/record#transcribe
MAX_MESSAGE_SECONDS, SILENCE_SECONDS = 119, 5

# XML has no place for them, and the SDK lets them through.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# The sentence that ends with a link, which nobody can follow by ear.
_LINK = re.compile(r"[^.!?।。]*https?://\S+")
# Read as a number, "1001" would be a thousand and one.
_DIGITS = re.compile(r"\d{4,}")


def spoken(words: str) -> str:
    """Return the words of a text as a voice says them: without links, long numbers digit by digit.

    Of one that is nothing but a link, nothing is left.
    """
    without = _LINK.sub("", _CONTROL.sub("", words))
    return _DIGITS.sub(lambda found: " ".join(found[0]), without).strip()[:MAX_CHARACTERS]


def say(
    to: VoiceResponse | Gather, words: str, language: Language, voices: Mapping[Any, str]
) -> None:
    """Say words of ours in a language, by the voice that the shop chose for it, if it did."""
    to.say(
        _CONTROL.sub("", words)[:MAX_CHARACTERS],
        language=TAGS[language.code],
        voice=voices.get(language.code),
    )


def apology(language: Language, voices: Mapping[Any, str]) -> VoiceResponse:
    """Return the answer where a fault of ours ends the call."""
    _, answer = language.gettext, VoiceResponse()
    words = _("We are sorry. Something went wrong on our side. Please try again later. Goodbye.")
    say(answer, words, language, voices)
    answer.hangup()
    return answer
