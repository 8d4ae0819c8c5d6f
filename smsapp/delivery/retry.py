"""When a delivery whose attempt failed for a passing reason is tried again."""

import random
from datetime import timedelta

# With full jitter the wait before try n + 1 is anywhere between 0 and 8 * 2**(n-1) seconds:
# up to 8, 16, 32, 64 s, so five tries spread over two minutes at most and one on average.
# Twilio's short troubles (429, a lost connection) pass within that.
MAX_TRIES = 5
FIRST_CAP_SECONDS = 8.0

MAX_OUTAGE_WAIT_SECONDS = 60.0

# What comes between a claim and its call without anybody's fault: it is claimed again, or not,
# as soon as it may be.
HELD_BACK = frozenset({"paused", "stopped"})

# Retry-After is obeyed up to here; a longer one is some proxy's mistake.
MAX_RETRY_AFTER_SECONDS = 3600.0


def wait(tries: int, retry_after: float | None) -> timedelta | None:
    """Return how long to wait after `tries` tries, or None when they are spent.

    Args:
        tries: Tries so far, at least 1.
        retry_after: Seconds that Twilio asked for, if it did.

    Source: full jitter, as in "Exponential Backoff And Jitter", AWS Architecture Blog (2015).
    """
    if tries >= MAX_TRIES:
        return None
    backoff = random.uniform(0, FIRST_CAP_SECONDS * 2 ** (tries - 1))  # noqa: S311  not a secret
    asked = min(retry_after or 0.0, MAX_RETRY_AFTER_SECONDS)
    return timedelta(seconds=max(backoff, asked))


def wait_for_twilio(attempts: int) -> timedelta:
    """Return how long to wait where Twilio could not be reached, after so many attempts.

    Such an attempt spends nothing: it is made again, about once a minute in the end, until the
    event is too old to matter.
    """
    cap = min(MAX_OUTAGE_WAIT_SECONDS, FIRST_CAP_SECONDS * 2.0 ** min(attempts - 1, 10))
    return timedelta(seconds=random.uniform(0, cap))  # noqa: S311  not a secret
