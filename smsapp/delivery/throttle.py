"""The throttle: MESSAGES_PER_SECOND of a sender, over all processes.

The sender's row says when the next text may leave. Whoever wants to send makes a reservation for
each text, evenly spaced and without a burst (GCRA with a burst of one), waits for it and then
calls Twilio. A call that would come late gives its reservation up and makes another, so that
calls keep the distance of their reservations.

Where Twilio or a carrier says that we were too fast (20429, 30022), half of the rate is reserved
from then on; it doubles every RECOVERY_SECONDS, up to MESSAGES_PER_SECOND.
"""

import logging
import time
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from smsapp.delivery import sender
from smsapp.delivery.sender import SenderSettings, SenderState
from smsapp.extensions import database_now, db, reading
from smsapp.models import Attempt, Channel, Delivery, DeliveryState
from smsapp.phone import mask

log = logging.getLogger(__name__)

# Slots are a little further apart than the rate says, so that in any one second there are never
# more calls than the rate even where some begin late: after 1 / USED seconds the count is full
# again, and LATE_SECONDS is what that leaves (42 ms), less some for the way to Twilio.
USED = 0.96
LATE_SECONDS = 0.03

# How far ahead a worker reserves, so as to be in time with the next claim: it looks every quarter
# of a second, and claims again as soon as no more than REFILL is left.
AHEAD = timedelta(seconds=0.6)
REFILL = timedelta(seconds=0.4)
# How long a request waits for its reservation rather than leave the text to the worker.
REQUEST_WAITS = timedelta(seconds=0.05)
# How long whoever was late waits for another reservation.
LATE_WAITS = timedelta(seconds=5)
# Nobody reserves that far ahead: the clock was set back.
CLOCK_SET_BACK = timedelta(seconds=60)

SLOWEST = 0.5  # texts a second
RECOVERY_SECONDS = 30.0
# By then it is a thousand times as fast again: it has recovered, whatever the rate was.
RECOVERED_SECONDS = 10 * RECOVERY_SECONDS
# Where no rate is set, that of the last second is halved: so many attempts are looked at for it,
# and fewer than these are taken for a quiet second.
MAX_COUNTED = 1000
LEAST_COUNTED = 10

_DUE = (
    select(Delivery.id)
    .where(
        Delivery.state == DeliveryState.PENDING,
        Delivery.due_at <= bindparam("now"),
        Delivery.channel == bindparam("channel"),
    )
    .limit(1)
)
_LATEST = (
    select(Attempt.started_at, Attempt.channel)
    .order_by(Attempt.id.desc())
    .limit(MAX_COUNTED)
    .subquery()
)
_IN_LAST_SECOND = select(func.count()).where(
    _LATEST.c.started_at > bindparam("since"), _LATEST.c.channel == bindparam("channel")
)


def rate(sender_state: SenderState, most: float | None, now: datetime) -> float | None:
    """Return how many texts may leave in a second; None for no limit.

    Args:
        sender_state: How the sender stands.
        most: MESSAGES_PER_SECOND.
        now: The database's time.
    """
    if sender_state.slowed_at is None or sender_state.slowed_to is None:
        return most
    seconds = max(0.0, (now - sender_state.slowed_at).total_seconds())
    if seconds >= RECOVERED_SECONDS:
        return most
    slowed: float = sender_state.slowed_to * 2.0 ** (seconds / RECOVERY_SECONDS)
    return slowed if most is None else min(slowed, most)


def spacing(per_second: float) -> timedelta:
    """Return how far apart reservations are."""
    return timedelta(seconds=1 / (per_second * USED))


def free_times(
    free_at: datetime | None, now: datetime, apart: timedelta, most: int, ahead: timedelta
) -> list[datetime]:
    """Return up to `most` times from `free_at` on that can be reserved within `ahead`."""
    if free_at is None or free_at - now > CLOCK_SET_BACK + 2 * apart:
        free_at = now
    first = max(free_at, now)
    return [at for n in range(most) if (at := first + n * apart) - now <= ahead]


def reserve(
    conn: Connection, name: str, per_second: float, most: int, ahead: timedelta
) -> list[float]:
    """Make up to `most` reservations; return when to call, by this process's monotonic().

    The sender's row is locked until the transaction ends.
    """
    sender_state = sender.read_state(conn, name, lock=True)
    now = database_now(conn)
    clock = time.monotonic()
    apart = spacing(per_second)
    taken = free_times(sender_state.next_slot_at, now, apart, most, ahead)
    if taken:
        sender.write(conn, name, {"next_slot_at": taken[-1] + apart})
    return [clock + (at - now).total_seconds() for at in taken]


def reserve_for_requests(
    conn: Connection, of: SenderSettings, sender_state: SenderState, texts: int, now: datetime
) -> list[float]:
    """Return when requests may call for up to `texts` new texts; 0.0 stands for at once.

    With a limit they have only what is free now, and nothing where a text already waits: the
    worker sends those first.
    """
    if sender_state.is_held or sender_state.is_paused:
        return []
    per_second = rate(sender_state, of.per_second, now)
    if per_second is None:
        return [0.0] * texts
    if not free_times(sender_state.next_slot_at, now, spacing(per_second), texts, REQUEST_WAITS):
        return []
    if is_anything_due(conn, of.channel, now):
        return []
    return reserve(conn, of.name, per_second, texts, REQUEST_WAITS)


def reserve_for_worker(
    conn: Connection, of: SenderSettings, sender_state: SenderState, texts: int, now: datetime
) -> list[float]:
    """Return when a worker may call for up to `texts` waiting texts; 0.0 stands for at once."""
    per_second = rate(sender_state, of.per_second, now)
    if per_second is None or not texts:
        return [0.0] * texts
    # The one text that a half-open sender lets through is rare, and is not missed.
    ahead = LATE_WAITS if sender_state.is_held else AHEAD
    return reserve(conn, of.name, per_second, texts, ahead)


def is_open(conn: Connection, of: SenderSettings, now: datetime) -> bool:
    """Whether a worker has a reason to claim: no pause, not open, too few reservations made."""
    sender_state = sender.read_state(conn, of.name)
    if sender_state.is_paused or (sender_state.probe_at and sender_state.probe_at > now):
        return False
    per_second = rate(sender_state, of.per_second, now)
    return per_second is None or bool(
        free_times(sender_state.next_slot_at, now, spacing(per_second), 1, REFILL)
    )


def is_anything_due(conn: Connection, channel: Channel, now: datetime) -> bool:
    """Whether a text waits that may leave now."""
    return bool(conn.execute(_DUE, {"now": now, "channel": channel}).all())


def reserve_again(of: SenderSettings) -> float | None:
    """Reserve anew for a call that came too late; None where all is taken."""
    with db.engine.begin() as conn:
        now = database_now(conn)
        limit = rate(sender.read_state(conn, of.name), of.per_second, now)
        if limit is None:
            return time.monotonic()
        return next(iter(reserve(conn, of.name, limit, 1, LATE_WAITS)), None)


def is_in_time(call_at: float) -> bool:
    """Whether a call that begins now still keeps its distance to the others."""
    return time.monotonic() - call_at <= LATE_SECONDS


def slow_down(of: SenderSettings, left_at: datetime, code: int | None) -> None:
    """Halve a sender's rate, because a text that left at `left_at` was one too fast.

    One that left before the sender was slowed last says nothing about the rate since then.
    """
    with reading() as conn:
        if _is_old_news(sender.read_state(conn, of.name), left_at):
            return
    with db.engine.begin() as conn:
        sender_state = sender.read_state(conn, of.name, lock=True)
        if _is_old_news(sender_state, left_at):
            return
        now = database_now(conn)
        before = rate(sender_state, of.per_second, now) or _in_last_second(conn, of.channel, now)
        slowed_to = max(SLOWEST, before / 2)
        sender.write(conn, of.name, {"slowed_at": now, "slowed_to": slowed_to})
    log.warning(
        "too fast for Twilio or a carrier: slowing down",
        extra={"sender": mask(of.name), "twilio_code": code, "per_second": round(slowed_to, 2)},
    )


def _is_old_news(sender_state: SenderState, left_at: datetime) -> bool:
    return sender_state.slowed_at is not None and left_at <= sender_state.slowed_at


def _in_last_second(conn: Connection, channel: Channel, now: datetime) -> float:
    which = {"since": now - timedelta(seconds=1), "channel": channel}
    return float(max(LEAST_COUNTED, conn.execute(_IN_LAST_SECOND, which).scalar_one()))
