"""What is known of every kind of event, for who has a delivery and not its event."""

from datetime import timedelta

from smsapp.events import shipments

KINDS = (shipments.KIND,)


def max_age(kind: str) -> timedelta:
    """Return for how long from now a text of this kind matters, if it is sent again."""
    return {shipments.KIND: shipments.max_age}[kind]()
