"""A later event about something makes an earlier one that has not left yet pointless.

Whichever of them comes in first: the earlier one is canceled where it waits, or as it is accepted.
"""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute

from smsapp.models import Delivery, DeliveryState, Reason

_KINDS = Delivery.kind.in_(bindparam("kinds", expanding=True))
_TOLD = select(Delivery.phone_key, Delivery.subject, Delivery.kind).where(
    Delivery.subject.in_(bindparam("subjects", expanding=True)), _KINDS
)
_THEIRS = update(Delivery).where(
    Delivery.subject == bindparam("about"),
    Delivery.phone_key == bindparam("of"),
    _KINDS,
    Delivery.id != bindparam("but"),
)
_THESE = (
    select(Delivery.id)
    .where(Delivery.id.in_(bindparam("ids", expanding=True)))
    .order_by(Delivery.id)
    .with_for_update()
)
_CANCEL = _THEIRS.where(Delivery.state == DeliveryState.PENDING).values(
    state=DeliveryState.CANCELED, reason=Reason.SUPERSEDED, due_at=None
)
# What is being sent, or was, may come back to be sent again; it is too old by then.
_NOT_AGAIN = _THEIRS.where(
    Delivery.state.in_([DeliveryState.SENDING, DeliveryState.UNKNOWN, DeliveryState.SENT]),
    Delivery.expires_at > bindparam("now"),
)


def told(
    conn: Connection, kinds: Collection[str], subjects: Collection[str]
) -> set[tuple[str, str, str]]:
    """Return which events of these kinds came in: (phone key, subject, kind)."""
    if not kinds:
        return set()
    rows = conn.execute(_TOLD, {"subjects": list(subjects), "kinds": list(kinds)})
    return {(row.phone_key, row.subject, row.kind) for row in rows}


def cancel(
    conn: Connection,
    kinds: tuple[str, ...],
    phone_key: str,
    subject: str,
    now: datetime,
    but: uuid.UUID,
) -> None:
    """Cancel what these kinds have waiting about a subject, but for one delivery.

    What of them is on its way is not tried again. With the number locked (phones.py).
    """
    if kinds:
        which = {"about": subject, "of": phone_key, "kinds": kinds, "but": but}
        # First these: what comes back in between waits, and is canceled.
        conn.execute(_NOT_AGAIN.values(expires_at=now), which | {"now": now})
        conn.execute(_CANCEL.values(state_at=now), which)


def cancel_these(
    conn: Connection,
    ids: Collection[uuid.UUID],
    now: datetime,
    reason: Reason | None = Reason.SUPERSEDED,
    canceled_by: str | None = None,
) -> None:
    """Cancel those of these deliveries that wait, and let none that is on its way be tried again.

    Because a later event made them pointless, unless another reason is given, or none and the API
    key that said so.

    Without their numbers' locks: whoever is in this transaction may hold another's. The rows' own
    suffice against a claim, and nobody who holds one of them waits for what we hold. In one UPDATE:
    of a row that the same transaction changes twice PostgreSQL looks at the number, too.
    """
    if locked := list(conn.scalars(_THESE, {"ids": list(ids)})):
        waits = Delivery.state == DeliveryState.PENDING
        conn.execute(
            update(Delivery)
            .where(Delivery.id.in_(locked))
            .values(
                state=_if(waits, DeliveryState.CANCELED, Delivery.state),
                reason=_if(waits, reason, Delivery.reason),
                canceled_by=_if(waits, canceled_by, Delivery.canceled_by),
                state_at=_if(waits, now, Delivery.state_at),
                due_at=None,  # of those that do not wait there is none
                expires_at=_if(Delivery.expires_at > now, now, Delivery.expires_at),
            )
        )


def _if(condition: ColumnElement[bool], value: Any, column: InstrumentedAttribute[Any]) -> Any:
    return case((condition, literal(value, column.type)), else_=column)
