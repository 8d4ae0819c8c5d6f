"""The pace: how many texts a sender lets leave in a second, by what is refused for being too fast.

Additive increase, proportional decrease. Some refusals belong to every day: Twilio answers 429 now
and then whatever the rate, and slower it would refuse as many. So a share of TOLERATED costs
nothing. Beyond it the rate falls by somewhat more than the share that was refused, is kept for
KEEP_SECONDS, and then rises by the same number of texts each second, from nothing to
MESSAGES_PER_SECOND in RISE_SECONDS.

Worked numbers, at 200 texts a second: a carrier that takes 50 refuses three of four, so one or two
decreases later some 50 leave. After 25 s the rate rises by 5 each second, and falls again about
as soon as it is at 60: two or three texts in a hundred are refused. When the carrier takes all
again, the 200 are back 25 + 150 / 5 = 55 s later. Below some 20 texts a second chance takes longer
to tell apart, so that more are refused at such a carrier: up to a fifth at 5 a second.

Source: D. Chiu and R. Jain, "Analysis of the Increase and Decrease Algorithms for Congestion
Avoidance in Computer Networks" (1989), for the increase; the decrease is in proportion as in
DCTCP (RFC 8257).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from smsapp.delivery.sender import SenderState

TOLERATED = 0.075
# Texts that may be refused beyond that before it is taken for more than chance.
CHANCE = 5
# The fall, by the share that was refused: a little below what is taken, so that it holds.
FALL = 1.25
# Of few texts a share says little: it is told as if so many more had been taken.
DOUBT = 10
KEEP_SECONDS = 25.0
RISE_SECONDS = 40.0
SLOWEST = 0.5  # texts a second

# What is looked at: the texts that left in so many seconds before the one refused, or about so
# many texts where few leave in a second.
SECONDS = 5.0
TEXTS = 60

# Without MESSAGES_PER_SECOND it rises as towards four times what it fell to, and is no limit any
# more after so many seconds.
UNLIMITED = 4
UNLIMITED_AFTER_SECONDS = 300.0
# What is taken for the rate then, where few texts left.
LEAST_UNLIMITED = 10.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of the texts that left in some seconds: those of which Twilio or carriers spoke.

    Attributes:
        texts: How many.
        refused: How many of them for being too fast.
        seconds: From the first to the last.
    """

    texts: int
    refused: int
    seconds: float


def rate(state: SenderState, most: float | None, at: datetime) -> float | None:
    """Return how many texts may leave in a second; None for no limit.

    Args:
        state: How the sender stands.
        most: MESSAGES_PER_SECOND.
        at: The database's time.
    """
    if state.slowed_at is None or state.slowed_to is None:
        return most
    seconds = (at - state.slowed_at).total_seconds()
    if most is None and seconds >= UNLIMITED_AFTER_SECONDS:
        return None
    goal = UNLIMITED * state.slowed_to if most is None else most
    risen = state.slowed_to + goal / RISE_SECONDS * max(0.0, seconds - KEEP_SECONDS)
    return risen if most is None else min(risen, most)


def looked_at_since(state: SenderState, most: float | None, left_at: datetime) -> datetime:
    """Return when the texts left by which one refused is judged, that left at `left_at`.

    None from before the rate fell last: they say nothing of the rate since then.
    """
    per_second = rate(state, most, left_at)
    seconds = SECONDS if per_second is None else max(SECONDS, TEXTS / per_second)
    since = left_at - timedelta(seconds=seconds)
    return since if state.slowed_at is None else max(since, state.slowed_at)


def fallen(state: SenderState, most: float | None, left_at: datetime, heard: Heard) -> float | None:
    """Return the rate after a text that left at `left_at` was one too fast; None for as before.

    Args:
        state: How the sender stands.
        most: MESSAGES_PER_SECOND.
        left_at: News may be late (a receipt's is, by seconds), and is about the rate of then.
        heard: What became of the texts since `looked_at_since`, up to that one.
    """
    if state.slowed_at is not None and left_at <= state.slowed_at:
        return None
    if heard.refused < TOLERATED * heard.texts + CHANCE:
        return None
    before = rate(state, most, left_at)
    if before is None:
        before = max(LEAST_UNLIMITED, heard.texts / max(1.0, heard.seconds))
    return max(SLOWEST, before * (1 - FALL * heard.refused / (heard.texts + DOUBT)))
