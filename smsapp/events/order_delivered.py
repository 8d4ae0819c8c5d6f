"""`order_delivered`: an order has arrived."""

from smsapp.config import Settings
from smsapp.events.fields import Event, Place, Reference, opening
from smsapp.events.kind import order_kind


class OrderDelivered(Event):
    """What a service says when an order was handed over, and where it was left, if it was."""

    order_id: Reference
    place: Place | None = None


def words(event: OrderDelivered, settings: Settings) -> str:
    """Return the text about an order that has arrived."""
    where = f" ({event.place})" if event.place else ""
    return f"{opening(settings)}Your order {event.order_id} has been delivered{where}."


ORDER_DELIVERED = order_kind(
    name="order_delivered",
    title="Order delivered",
    body=OrderDelivered,
    content=lambda event: [event.order_id, event.place],
    words=words,
    supersedes=("order_shipped", "order_out_for_delivery", "order_delayed", "order_ready"),
)
