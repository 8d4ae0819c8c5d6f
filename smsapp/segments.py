"""How many segments a text takes, which is what the carrier bills, and what makes it dearer.

Source: 3GPP TS 23.038 (GSM 7-bit alphabet) and TS 23.040 (concatenation), as applied by
Twilio's own calculator.
"""

import re
from dataclasses import dataclass

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # an escape and a character: two units

# What looks the same in the GSM alphabet. Word processors and phones write these by themselves.
LOOK_ALIKES = {
    **dict.fromkeys("‘’‚‛′ʼ`´", "'"),
    **dict.fromkeys("“”„‟″", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\t", " "),
    **dict.fromkeys("\u00ad\u200b\u2060\ufeff", ""),  # nothing is seen of them
    "…": "...",
    "•": "-",
}
_TO_GSM = str.maketrans(LOOK_ALIKES)
_LINK = re.compile(r"(https?://\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Segments:
    """Encoding ("GSM-7" or "UCS-2"), units (septets or UTF-16 code units) and segments."""

    encoding: str
    units: int
    segments: int


def count(text: str) -> Segments:
    """Return how `text` is encoded and billed; the empty text counts as one segment."""
    if not beyond_gsm(text):
        widths = [2 if c in _GSM_EXTENDED else 1 for c in text]
        return Segments("GSM-7", sum(widths), _split(widths, single=160, joined=153))
    widths = [2 if ord(c) > 0xFFFF else 1 for c in text]
    return Segments("UCS-2", sum(widths), _split(widths, single=70, joined=67))


def beyond_gsm(text: str) -> list[str]:
    """Return the characters that turn all of `text` into UCS-2, each once, as they come."""
    return list(dict.fromkeys(c for c in text if c not in _GSM and c not in _GSM_EXTENDED))


def smart(text: str) -> str:
    """Return `text` with look-alikes for what alone makes it dearer, else unchanged.

    A link stays as it is, whatever it costs: with another character it leads elsewhere.
    """
    if not beyond_gsm(text):
        return text
    links_apart = _LINK.split(text)
    plain = "".join(
        part if n % 2 else part.translate(_TO_GSM) for n, part in enumerate(links_apart)
    )
    is_cheaper = not beyond_gsm(plain) and count(plain).segments <= count(text).segments
    return plain if is_cheaper else text


def _split(widths: list[int], single: int, joined: int) -> int:
    """Count segments; a character of two units is never split across two of them."""
    if sum(widths) <= single:
        return 1
    segments, used = 1, 0
    for width in widths:
        if used + width > joined:
            segments, used = segments + 1, 0
        used += width
    return segments
