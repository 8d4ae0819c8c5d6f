"""`order_delayed`: an order comes later than was said."""

from smsapp.config import Settings
from smsapp.events.fields import (
    Day,
    Event,
    Reference,
    TrackingUrl,
    text,
    tracking,
)
from smsapp.events.kind import order_kind
from smsapp.events.times import day


class OrderDelayed(Event):
    """What a service says when an order is late, and when it is expected now, if known."""

    order_id: Reference
    expected_on: Day | None = None
    tracking_url: TrackingUrl | None = None


def words(event: OrderDelayed, settings: Settings) -> str:
    """Return the text about a late order."""
    _, expected = event.language.gettext, ""
    if event.expected_on:
        expected = _("We now expect it on %(day)s.", day=day(event.expected_on, event.language))
    return text(
        settings,
        _("Your order %(order)s is delayed.", order=event.order_id),
        expected,
        tracking(event.tracking_url, event.language),
    )


ORDER_DELAYED = order_kind(
    name="order_delayed",
    title="Order delayed",
    body=OrderDelayed,
    content=lambda event: [
        event.order_id,
        event.expected_on and event.expected_on.isoformat(),
        event.tracking_url,
    ],
    words=words,
    waits_for_morning=True,
)
