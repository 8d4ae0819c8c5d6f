"""What a check finds."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial


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


# That something is as it should be, works and yet should be looked at, or does not work.
ok, warning, fault = (partial(Finding, mark) for mark in Mark)
