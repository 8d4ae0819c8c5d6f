"""`order_shipped`: an order has left the shop."""

from smsapp.config import Settings
from smsapp.events.fields import (
    ConsentAt,
    Event,
    Reference,
    TrackingUrl,
    text,
    tracking,
)
from smsapp.events.kind import order_kind


class OrderShipped(Event):
    """What a service says when an order has left."""

    order_id: Reference
    tracking_url: TrackingUrl | None = None


class OrderShippedSms(OrderShipped):
    """The same as it has always been posted to /api/order-shipped-sms: consentAt is needed."""

    consent_at: ConsentAt


def words(event: OrderShipped, settings: Settings) -> str:
    """Return the text about a shipped order."""
    _ = event.language.gettext
    return text(
        settings,
        _("Your order %(order)s has shipped.", order=event.order_id),
        tracking(event.tracking_url, event.language),
    )


ORDER_SHIPPED = order_kind(
    name="order_shipped",
    title="Order shipped",
    body=OrderShipped,
    content=lambda event: [event.order_id, event.tracking_url],
    words=words,
)
