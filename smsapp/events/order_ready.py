"""`order_ready`: an order waits to be collected."""

from smsapp.config import Settings
from smsapp.events.fields import (
    Event,
    LocalTime,
    Place,
    Reference,
    opening,
    same_time,
)
from smsapp.events.kind import order_kind
from smsapp.events.times import moment


class OrderReady(Event):
    """What a service says when an order can be collected: where, and until when, if that ends."""

    order_id: Reference
    place: Place
    until: LocalTime | None = None


def words(event: OrderReady, settings: Settings) -> str:
    """Return the text about an order to be collected."""
    until = f" Collect it by {moment(event.until, event.phone)}." if event.until else ""
    return f"{opening(settings)}Your order {event.order_id} is ready: {event.place}.{until}"


ORDER_READY = order_kind(
    name="order_ready",
    title="Order ready",
    body=OrderReady,
    content=lambda event: [event.order_id, event.place, same_time(event.until)],
    words=words,
    waits_for_morning=True,
)
