"""`order_delivered`: an order has arrived."""

from smsapp.config import Settings
from smsapp.events.fields import Event, Place, Reference, text
from smsapp.events.kind import order_kind


class OrderDelivered(Event):
    """What a service says when an order was handed over, and where it was left, if it was."""

    order_id: Reference
    place: Place | None = None


def words(event: OrderDelivered, settings: Settings) -> str:
    """Return the text about an order that has arrived."""
    _, order, place = event.language.gettext, event.order_id, event.place
    if place is None:
        return text(settings, _("Your order %(order)s has been delivered.", order=order))
    said = _("Your order %(order)s has been delivered (%(place)s).", order=order, place=place)
    return text(settings, said)


ORDER_DELIVERED = order_kind(
    name="order_delivered",
    title="Order delivered",
    body=OrderDelivered,
    content=lambda event: [event.order_id, event.place],
    words=words,
    supersedes=("order_shipped", "order_out_for_delivery", "order_delayed", "order_ready"),
)
