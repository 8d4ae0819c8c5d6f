"""How the outbox does, and whether a worker is there to empty it."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, bindparam, delete, func, select

from smsapp import database_faults
from smsapp.delivery import channels, pace, sender
from smsapp.extensions import database_now, db, insert_into, reading
from smsapp.models import Channel, Delivery, DeliveryState, ScheduledJob, Worker
from smsapp.sqlite import LOCK_SECONDS_OPTION

# A worker says every few seconds that it is there (worker.HEARTBEAT).
SILENT_AFTER_SECONDS = 60

_OLDEST_DUE = select(func.min(Delivery.due_at)).where(
    Delivery.state == DeliveryState.PENDING,
    Delivery.due_at <= bindparam("now"),
    Delivery.channel != Channel.TEST,
)
_LAST_SEEN = select(func.max(Worker.seen_at))


@dataclass(frozen=True, slots=True)
class Health:
    """Ages in whole seconds; None where nothing is due, or no worker was ever seen.

    `held_countries` has Twilio's code for each country that it takes none of our texts to, and
    `per_second` is how many texts may leave now; None for no limit.
    """

    oldest_due_seconds: int | None
    worker_seen_seconds: int | None
    sender_is_held: bool
    held_countries: dict[str, int]
    sender_is_paused: bool
    per_second: float | None

    @property
    def worker_is_silent(self) -> bool:
        """Whether nobody may be emptying the outbox."""
        seen = self.worker_seen_seconds
        return seen is None or seen > SILENT_AFTER_SECONDS


def current() -> Health:
    """Return how it is now."""
    with reading() as conn:
        return read(conn)


def read(conn: Connection) -> Health:
    """Return how it is, to a caller who reads more."""
    now = database_now(conn)
    due = conn.execute(_OLDEST_DUE, {"now": now}).scalar_one()
    seen = conn.execute(_LAST_SEEN).scalar_one()
    # Of all senders: whether any has trouble. The rate is that of texts.
    senders = channels.senders()
    states = {channel: sender.read_state(conn, of.name) for channel, of in senders.items()}
    return Health(
        None if due is None else int((now - due).total_seconds()),
        None if seen is None else int((now - seen).total_seconds()),
        any(state.is_held for state in states.values()),
        {
            country: hold.code
            for state in states.values()
            for country, hold in state.held_countries.items()
        },
        any(state.is_paused for state in states.values()),
        pace.rate(states[Channel.SMS], senders[Channel.SMS].per_second, now),
    )


def beat(conn: Connection, name: str) -> None:
    """Write that a worker is there, and forget those that have not been for a day."""
    now = database_now(conn)
    conn.execute(delete(Worker).where(Worker.seen_at < now - timedelta(days=1)))
    row = {"seen_at": now}
    conn.execute(
        insert_into(conn, Worker)
        .values(name=name, **row)
        .on_conflict_do_update(index_elements=["name"], set_=row)
    )


def check_writing() -> None:
    """Write a row, and so raise what is in the way of writing; reading would not notice.

    Raises:
        sqlalchemy.exc.DBAPIError: As `database_faults.of` tells.
    """
    with db.engine.connect() as conn:
        conn.execution_options(**{LOCK_SECONDS_OPTION: 1.0})
        with conn.begin():
            row = {"due_at": database_now(conn)}
            conn.execute(
                insert_into(conn, ScheduledJob)
                .values(name="write check", **row)
                .on_conflict_do_update(index_elements=["name"], set_=row)
            )
    database_faults.forget(db.engine)


def sign_off(name: str) -> None:
    """Remove a worker that ends on purpose."""
    with db.engine.begin() as conn:
        conn.execute(delete(Worker).where(Worker.name == name))
