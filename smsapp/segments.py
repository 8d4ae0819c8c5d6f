"""How many segments a text takes, which is what the carrier bills.

Source: 3GPP TS 23.038 (GSM 7-bit alphabet) and TS 23.040 (concatenation), as applied by
Twilio's own calculator.
"""

from dataclasses import dataclass

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # an escape and a character: two units


@dataclass(frozen=True, slots=True)
class Segments:
    """Encoding ("GSM-7" or "UCS-2"), units (septets or UTF-16 code units) and segments."""

    encoding: str
    units: int
    segments: int


def count(text: str) -> Segments:
    """Return how `text` is encoded and billed; the empty text counts as one segment."""
    if all(c in _GSM or c in _GSM_EXTENDED for c in text):
        widths = [2 if c in _GSM_EXTENDED else 1 for c in text]
        return Segments("GSM-7", sum(widths), _split(widths, single=160, joined=153))
    widths = [2 if ord(c) > 0xFFFF else 1 for c in text]
    return Segments("UCS-2", sum(widths), _split(widths, single=70, joined=67))


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
