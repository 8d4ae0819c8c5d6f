"""When a delivery whose attempt failed for a passing reason is tried again."""

from datetime import timedelta

from smsapp import backoff

# With full jitter the wait after a try is up to 8, 16, 32, 64 s, so five tries spread over two
# minutes at most and one on average. Twilio's short troubles pass within that.
MAX_TRIES = 5
FIRST_WAIT = timedelta(seconds=8)
MAX_WAIT = timedelta(seconds=64)

# Where it was only too fast, the pace is what changes, and the text need not wait long.
FIRST_PACE_WAIT = timedelta(seconds=1)

MAX_OUTAGE_WAIT = timedelta(seconds=60)

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
    """
    if tries >= MAX_TRIES:
        return None
    return _at_least(retry_after, backoff.exponential(tries, FIRST_WAIT, MAX_WAIT))


def wait_for_pace(attempts: int, retry_after: float | None) -> timedelta:
    """Return how long a text waits that was one too fast, after so many attempts.

    Such an attempt spends nothing: it was never looked at, and the next may be one too fast as
    well, whatever it says.
    """
    return _at_least(retry_after, backoff.exponential(attempts, FIRST_PACE_WAIT, MAX_WAIT))


def _at_least(retry_after: float | None, wait: timedelta) -> timedelta:
    asked = timedelta(seconds=min(retry_after or 0.0, MAX_RETRY_AFTER_SECONDS))
    return max(asked, backoff.full_jitter(wait))


def wait_for_twilio(attempts: int) -> timedelta:
    """Return how long to wait where Twilio could not be reached, after so many attempts.

    Such an attempt spends nothing: it is made again, about once a minute in the end, until the
    event is too old to matter.
    """
    return backoff.full_jitter(backoff.exponential(attempts, FIRST_WAIT, MAX_OUTAGE_WAIT))
