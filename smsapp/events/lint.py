"""What makes carriers hold a text back, or costs more than it has to: a look before it is sent.

Warnings and no law. The lists are of things that carriers' filters are known to look at; Twilio's
own advice on filtered messages is the place to check them against:
https://help.twilio.com/articles/1260803966670
"""

import re
import unicodedata
from collections.abc import Iterator

from smsapp import segments

# Domains that anybody can hide any address behind.
SHORTENERS = {
    *("bit.ly", "buff.ly", "cutt.ly", "goo.gl", "is.gd", "ow.ly", "rb.gy", "rebrand.ly"),
    *("shorturl.at", "t.co", "t.ly", "tiny.cc", "tinyurl.com"),
}
# Words of those who want to be answered quickly.
PRESSURE = re.compile(
    r"\b(act now|click here|congratulations|free|guaranteed?|last chance|urgent|winner|won)\b"
    r"|!!|\$\$",
    re.IGNORECASE,
)
MOST_SEGMENTS = 2
_LINK = re.compile(r"(https?)://([^/\s?#]+)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{4,}")
_LETTERS = re.compile(r"[^\W\d_]{2,}")


def warnings(text: str, shop_name: str, *, is_first: bool = False) -> list[str]:
    """Return what is to be said against a text, in sentences for whoever wrote it.

    Args:
        text: As it is sent.
        shop_name: SHOP_NAME.
        is_first: Whether it is the first that somebody gets; that has to say how to stop.
    """
    return [*_sender(text, shop_name, is_first), *_links(text), *_tone(text), *_price(text)]


def _sender(text: str, shop_name: str, is_first: bool) -> Iterator[str]:
    if not shop_name or shop_name not in text:
        yield "It does not say who writes: set SHOP_NAME."
    if is_first and "STOP" not in text:
        yield "It is the first text to this number and does not say how to stop: “Reply STOP”."


def _links(text: str) -> Iterator[str]:
    for scheme, host in _LINK.findall(text):
        if scheme.lower() == "http":
            yield "It has a link without encryption: write https://."
        if host.lower().removeprefix("www.") in SHORTENERS:
            yield f"Carriers hold back links of {host}: use a domain of your own."


def _tone(text: str) -> Iterator[str]:
    if found := PRESSURE.search(text):
        yield f"Spam filters look for “{found[0]}”: say it in other words."
    words = _WORD.findall(_LINK.sub("", text))
    if sum(word.isupper() for word in words) * 2 > len(words) > 1:
        yield "Most of it is in capitals, which spam filters take for shouting."


def _price(text: str) -> Iterator[str]:
    counted = segments.count(text)
    # Whoever writes in another script can leave none of it out.
    for character in [] if _is_in_another_script(text) else segments.beyond_gsm(text):
        instead = segments.LOOK_ALIKES.get(character)
        advice = f"write {instead}" if instead and instead.strip() else "leave it out if you can"
        yield f"“{character}” makes every segment less than half as long: {advice}."
    if counted.segments > MOST_SEGMENTS:
        yield f"It takes {counted.segments} segments, each of which is billed: make it shorter."


def _is_in_another_script(text: str) -> bool:
    """Whether a whole word is; a letter alone is a slip, such as a Cyrillic а in “pаrcel”."""
    return any(
        not any(unicodedata.name(letter, "").startswith("LATIN") for letter in word)
        for word in _LETTERS.findall(text)
    )
