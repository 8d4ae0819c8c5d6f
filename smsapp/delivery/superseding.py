"""A later event about something makes an earlier one that has not left yet pointless.

Whichever of them comes in first: the earlier one is canceled where it waits, or as it is accepted.
"""

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from smsapp.models import Delivery, DeliveryState, Reason

_KINDS = Delivery.kind.in_(bindparam("kinds", expanding=True))
_TOLD = select(Delivery.phone_key, Delivery.subject, Delivery.kind).where(
    Delivery.subject.in_(bindparam("subjects", expanding=True)), _KINDS
)
_CANCEL = (
    update(Delivery)
    .where(
        Delivery.subject == bindparam("about"),
        Delivery.phone_key == bindparam("of"),
        _KINDS,
        Delivery.state == DeliveryState.PENDING,
        Delivery.id != bindparam("but"),
    )
    .values(state=DeliveryState.CANCELED, reason=Reason.SUPERSEDED, due_at=None)
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

    With the number locked (phones.py).
    """
    if kinds:
        which = {"about": subject, "of": phone_key, "kinds": kinds, "but": but}
        conn.execute(_CANCEL.values(state_at=now), which)
