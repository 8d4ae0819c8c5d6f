"""The first text that somebody gets from us ends with more than the others.

The words of a message are fixed when it is accepted: to the letter they are found again at Twilio.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, or_, select

from smsapp.delivery.states import STOPPED
from smsapp.models import Delivery, DeliveryState, Phone

_TEXTED = select(Phone.phone_key).where(
    Phone.phone_key.in_(bindparam("phone_keys", expanding=True)),
    exists().where(
        Delivery.phone_key == Phone.phone_key,
        Delivery.state.not_in([*STOPPED, DeliveryState.FAILED]),
        # What is planned may yet be canceled, and others may leave before it.
        or_(Delivery.state != DeliveryState.PENDING, Delivery.due_at <= bindparam("now")),
    ),
)


def untexted(conn: Connection, phone_keys: Collection[str], now: datetime) -> set[str]:
    """Return those of the numbers that no text of ours has reached, nor is on its way to."""
    if not phone_keys:
        return set()
    return set(phone_keys) - set(
        conn.scalars(_TEXTED, {"phone_keys": list(phone_keys), "now": now})
    )


def ending(phone_key: str, if_first: str, untexted: set[str]) -> str:
    """Return what one more message to a number ends with; from then on it counts as texted."""
    if not (if_first and phone_key in untexted):
        return ""
    untexted.remove(phone_key)
    return if_first
