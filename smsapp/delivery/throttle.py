"""The throttle: MESSAGES_PER_SECOND of a sender, over all processes.

The sender's row says when the next text may leave. Whoever wants to send makes a reservation for
each text, evenly spaced and without a burst (GCRA with a burst of one), waits for it and then
calls Twilio. A call that would come late gives its reservation up and makes another, so that
calls keep the distance of their reservations.

Where Twilio or a carrier says that we were too fast, the rate follows what they take (pace.py).
"""

import logging
import time
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, or_, select

from smsapp.delivery import pace, sender
from smsapp.delivery.pace import Heard
from smsapp.delivery.sender import SenderSettings, SenderState
from smsapp.extensions import database_now, db, first_id, reading
from smsapp.models import Attempt, CallOutcome, Channel, Delivery, DeliveryState
from smsapp.phone import mask
from smsapp.providers.twilio_codes import SLOWS_SENDER

log = logging.getLogger(__name__)

# Slots are a little further apart than the rate says, so that in any one second there are never
# more calls than the rate even where some begin late: after 1 / USED seconds the count is full
# again, and LATE_SECONDS is what that leaves (42 ms), less some for the way to Twilio.
USED = 0.96
LATE_SECONDS = 0.03
LATE_AGAIN_SECONDS = 0.08

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

# So many attempts are looked at, at most, where one was too fast.
MAX_COUNTED = 1000
# Ids are made by the clocks of several machines.
CLOCKS_DIFFER = timedelta(seconds=1)

_DUE = (
    select(Delivery.id)
    .where(
        Delivery.state == DeliveryState.PENDING,
        Delivery.due_at <= bindparam("now"),
        Delivery.channel == bindparam("channel"),
    )
    .limit(1)
)
_LEFT_BEFORE = (
    select(
        Attempt.started_at,
        Attempt.channel,
        Attempt.outcome,
        Attempt.error_code,
        Attempt.trouble,
    )
    .where(Attempt.id <= bindparam("last_id"), Attempt.channel != Channel.TEST)
    .order_by(Attempt.id.desc())
    .limit(MAX_COUNTED)
    .subquery()
)
# Those that nobody has answered yet say nothing.
_HEARD = select(
    func.count(),
    func.count().filter(
        or_(
            _LEFT_BEFORE.c.error_code.in_(bindparam("codes", expanding=True)),
            _LEFT_BEFORE.c.trouble == "http_429",
        )
    ),
    func.min(_LEFT_BEFORE.c.started_at),
).where(
    _LEFT_BEFORE.c.started_at > bindparam("since"),
    _LEFT_BEFORE.c.started_at <= bindparam("left_at"),
    _LEFT_BEFORE.c.channel == bindparam("channel"),
    _LEFT_BEFORE.c.outcome.in_([CallOutcome.ACCEPTED, CallOutcome.REFUSED]),
)


def in_words(per_second: float) -> str:
    """Return a rate as people say it: "1 text a second", "0.5 texts a second", "1,300 texts …"."""
    number = f"{per_second:.3g}" if per_second < 999.5 else f"{per_second:,.0f}"
    return f"{number} text{'' if number == '1' else 's'} a second"


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
    per_second = pace.rate(sender_state, of.per_second, now)
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
    per_second = pace.rate(sender_state, of.per_second, now)
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
    per_second = pace.rate(sender_state, of.per_second, now)
    return per_second is None or bool(
        free_times(sender_state.next_slot_at, now, spacing(per_second), 1, REFILL)
    )


def is_anything_due(conn: Connection, channel: Channel, now: datetime) -> bool:
    """Whether a text waits that may leave now."""
    return bool(conn.execute(_DUE, {"now": now, "channel": channel}).all())


def reserve_again(conn: Connection, rows: list[SenderSettings]) -> list[float | None]:
    """Reserve anew for calls that came too late; None where all is taken. For group_commit."""
    now = database_now(conn)
    call_at: dict[str, list[float]] = {}
    for of in set(rows):
        texts = rows.count(of)
        limit = pace.rate(sender.read_state(conn, of.name), of.per_second, now)
        call_at[of.name] = (
            [time.monotonic()] * texts
            if limit is None
            else reserve(conn, of.name, limit, texts, LATE_WAITS)
        )
    return [call_at[of.name].pop(0) if call_at[of.name] else None for of in rows]


def is_in_time(call_at: float, reservations: int) -> bool:
    """Whether a call that begins now still keeps its distance to the others.

    Where a machine is so busy that a reservation came to nothing, the next may be somewhat later,
    at the price of four calls more in a hundred in the worst second.
    """
    late = LATE_SECONDS if reservations == 1 else LATE_AGAIN_SECONDS
    return time.monotonic() - call_at <= late


def slow_down(of: SenderSettings, left_at: datetime, code: int | None) -> None:
    """Let a sender's rate fall where too many were refused, as one text that left at `left_at`."""
    with reading() as conn:
        seen = sender.read_state(conn, of.name)
        heard = _heard(
            conn, of.channel, pace.looked_at_since(seen, of.per_second, left_at), left_at, code
        )
    slowed_to = pace.fallen(seen, of.per_second, left_at, heard)
    if slowed_to is None:
        return
    with db.engine.begin() as conn:
        if sender.read_state(conn, of.name, lock=True).slowed_at != seen.slowed_at:
            return  # another text was quicker, of those that left at the same rate
        columns = {"slowed_at": database_now(conn), "slowed_to": slowed_to}
        sender.write(conn, of.name, columns)
    log.warning(
        "too fast for Twilio or a carrier: slowing down",
        extra={"sender": mask(of.name), "twilio_code": code, "per_second": round(slowed_to, 2)},
    )


def _heard(
    conn: Connection, channel: Channel, since: datetime, left_at: datetime, code: int | None
) -> Heard:
    """Return what is known of the texts that left after `since` and up to `left_at`."""
    texts, refused, first = conn.execute(
        _HEARD,
        {
            "last_id": first_id(left_at + CLOCKS_DIFFER),
            "since": since,
            "left_at": left_at,
            "channel": channel,
            "codes": [*SLOWS_SENDER, *([code] if code else [])],
        },
    ).one()
    return Heard(texts, refused, (left_at - first).total_seconds() if first else 0.0)
