"""Routes: where one channel cannot reach somebody, their message goes on to the next."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Boolean, Connection, and_, bindparam, or_, select, update

from smsapp.delivery.channels import CHANNELS
from smsapp.models import Attempt, Channel, Delivery

# What customers are called about by day alone: a call rings, whatever its kind says of a text.
BY_DAY = frozenset({"order_updates", "appointment_reminders", "support"})

_TAKE = (
    update(Delivery)
    .where(Delivery.id == bindparam("of"))
    .values(
        channel=bindparam("to"),
        route=bindparam("rest"),
        tries=0,
        undelivered=0,
        waits_for_morning=or_(
            Delivery.waits_for_morning,
            and_(bindparam("rings", type_=Boolean), Delivery.purpose.in_(sorted(BY_DAY))),
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Way:
    """The next channel for somebody, and those that are left after it."""

    channel: Channel
    rest: tuple[Channel, ...]


def as_text(channels: Iterable[Channel]) -> str | None:
    """Return channels as the column `route` holds them."""
    return ",".join(channels) or None


def after(conn: Connection, route: str | None, phone_key: str, e164: str | None) -> Way | None:
    """Return the next channel of a route that can reach somebody; None where none is left.

    A channel that was tried is never in what is left of a route.
    """
    left = [Channel(name) for name in (route or "").split(",") if name]
    for tried, channel in enumerate(left, start=1):
        provider = CHANNELS.get(channel)
        if provider and phone_key in provider.addresses(conn, {phone_key: e164}):
            return Way(channel, tuple(left[tried:]))
    return None


def has_tried_another(conn: Connection, delivery_id: uuid.UUID, channel: Channel) -> bool:
    """Whether a delivery was tried over another channel than this."""
    tried = select(Attempt.id).where(Attempt.delivery_id == delivery_id, Attempt.channel != channel)
    return conn.execute(tried.limit(1)).one_or_none() is not None


def take(conn: Connection, ways: dict[uuid.UUID, Way]) -> None:
    """Let deliveries go on over their next channel, with a fresh allowance of tries."""
    if ways:
        rows = [
            {
                "of": delivery_id,
                "to": way.channel,
                "rest": as_text(way.rest),
                "rings": way.channel is Channel.CALL,
            }
            for delivery_id, way in sorted(ways.items())
        ]
        conn.execute(_TAKE, rows)
