"""How long to wait before trying again: exponential backoff."""

import random
from datetime import timedelta


def exponential(tries: int, first: timedelta, cap: timedelta) -> timedelta:
    """Return the wait after `tries` tries in vain: it doubles with each, up to `cap`.

    With a first wait of 8 s and a cap of 60 s: 8, 16, 32, 60, 60 … seconds.
    With 10 s and an hour: 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600 … seconds.

    Args:
        tries: Tries so far, at least 1.
        first: The wait after the first.
        cap: The longest wait, less than a million times `first`.
    """
    return min(cap, first * 2.0 ** min(tries - 1, 20))


def full_jitter(wait: timedelta) -> timedelta:
    """Return a random wait between none and `wait`, so that what failed together comes apart.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog (2015).
    """
    return wait * random.random()  # noqa: S311  not a secret
