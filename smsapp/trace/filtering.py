"""Deliveries by what they have in common, newest first, a page at a time: for services.

A page reads no more than MOST_READ deliveries, however few of them it is about. So it takes as long
whatever is asked for, and one that found little says where to go on.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, tuple_

from smsapp.extensions import first_id, reading
from smsapp.models import Attempt, Channel, Delivery, DeliveryState, Phone
from smsapp.trace.listing import LAST_ID, plain

MOST_READ = 10_000
_FIRST_ID = uuid.UUID(int=0)

_SHOWN = (
    Delivery.id,
    Delivery.kind,
    Delivery.channel,
    Delivery.event_id,
    Delivery.subject,
    Delivery.state,
    Delivery.reason,
    Delivery.phone_key,
    Delivery.created_at,
    Delivery.due_at,
)


@dataclass(frozen=True, slots=True)
class Filter:
    """What deliveries have to have; None for anything. Accepted from `since` on, before `until`."""

    subject: str | None = None
    state: DeliveryState | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """Some deliveries, with `e164`, `country` and `sid`; and after which id to go on, or None."""

    rows: Sequence[Any]
    go_on_after: uuid.UUID | None


def page(
    of: Filter, most: int, after: uuid.UUID | None = None, *, tests_alone: bool = False
) -> Slice:
    """Return the newest deliveries that fit, or those older than the one with the id `after`.

    With `tests_alone` only those of test keys.
    """
    with reading(snapshot=True) as conn:
        last_read = conn.scalar(_range(of, after).limit(1).offset(MOST_READ - 1))
        rows = conn.execute(_fitting(of, most + 1, after, last_read, tests_alone=tests_alone)).all()
    if len(rows) > most:
        return Slice(rows[:most], rows[most - 1].id)
    return Slice(rows, last_read)


def _range(
    of: Filter, after: uuid.UUID | None, last_read: uuid.UUID | None = None
) -> Select[uuid.UUID]:
    """Return the query for the ids that may fit, up to the last to read: a range of an index."""
    first = max(first_id(of.since) if of.since else _FIRST_ID, last_read or _FIRST_ID)
    end = min(first_id(of.until) if of.until else LAST_ID, after or LAST_ID)
    if of.subject is None:
        which = select(Delivery.id).where(Delivery.id >= first, Delivery.id < end)
        return which.order_by(Delivery.id.desc())
    place = tuple_(Delivery.subject, Delivery.id)
    which = select(Delivery.id).where(place >= (of.subject, first), place < (of.subject, end))
    return which.order_by(Delivery.subject.desc(), Delivery.id.desc())


def _fitting(
    of: Filter,
    most: int,
    after: uuid.UUID | None,
    last_read: uuid.UUID | None,
    *,
    tests_alone: bool,
) -> Select[Any]:
    found = _range(of, after, last_read).with_only_columns(*_SHOWN).limit(most)
    channel = Channel.TEST if tests_alone else None
    for column, wanted in (
        (Delivery.state, of.state),
        (Delivery.kind, of.kind),
        (Delivery.channel, channel),
    ):
        if wanted is not None:
            found = found.where(plain(column) == wanted)
    one = found.subquery()
    newest_sid = (
        select(Attempt.sid)
        .where(Attempt.delivery_id == one.c.id, Attempt.sid.is_not(None))
        .order_by(Attempt.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(one, Phone.e164, Phone.country, newest_sid.label("sid"))
        .join(Phone, Phone.phone_key == one.c.phone_key)
        .order_by(one.c.id.desc())
    )
