"""What people type and paste where digits are wanted: numbers and codes."""

import re
import unicodedata

# Variation selectors, and the frame around the digit of a keycap emoji: marks upon a character
# that say how it looks. What is unseen otherwise is of Unicode's category Cf (format).
_HOW_IT_LOOKS = re.compile("[\u180b-\u180d\ufe00-\ufe0f\u20e3\U000e0100-\U000e01ef]")
# What people put between the digits of a code.
_BETWEEN = re.compile(r"[\s\-–.]")
# What people are asked for; Verify's own default, which `flask doctor` compares.
CODE_DIGITS = 6
# An installation that chose another length still takes its codes.
_CODE = re.compile(r"[0-9]{4,10}")
# More than any code, with all that comes along when it is pasted.
_MAX_CHARACTERS = 60


def clean(text: str) -> str:
    """Return text without what nobody sees in it, and the digits of every script as 0 to 9.

    Wide letters and signs become plain ones too (Unicode's form NFKC).
    """
    text = _HOW_IT_LOOKS.sub("", unicodedata.normalize("NFKC", text))
    seen = (c for c in text if unicodedata.category(c) != "Cf")
    return "".join(str(unicodedata.decimal(c, c)) for c in seen)


def code(text: str) -> str | None:
    """Return the 4 to 10 digits of a code; None where it cannot be one, which costs no try."""
    digits = _BETWEEN.sub("", clean(text[:_MAX_CHARACTERS]))
    return digits if _CODE.fullmatch(digits) else None
