"""What a check finds."""

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # it works, and yet somebody should know
    FAULT = "FAULT"  # something does not work, or is not safe


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one thing, and what to do; no secret and no whole number in it."""

    mark: Mark
    about: str
    words: str
    advice: str = ""


def ok(about: str, words: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(Mark.OK, about, words)


def warning(about: str, words: str, advice: str) -> Finding:
    """Return that something works and yet should be looked at."""
    return Finding(Mark.WARNING, about, words, advice)


def fault(about: str, words: str, advice: str) -> Finding:
    """Return that something does not work, or is not safe."""
    return Finding(Mark.FAULT, about, words, advice)
