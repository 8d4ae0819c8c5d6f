"""`order_ready`: an order waits to be collected."""

from smsapp.config import Settings
from smsapp.events.fields import (
    Event,
    LocalTime,
    Place,
    Reference,
    same_time,
    text,
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
    _, until = event.language.gettext, ""
    if event.until:
        ends = moment(event.until, event.phone, event.language)
        until = _("Collect it by %(moment)s.", moment=ends)
    return text(
        settings,
        _("Your order %(order)s is ready: %(place)s.", order=event.order_id, place=event.place),
        until,
    )


ORDER_READY = order_kind(
    name="order_ready",
    title="Order ready",
    body=OrderReady,
    content=lambda event: [event.order_id, event.place, same_time(event.until)],
    words=words,
    waits_for_morning=True,
)
