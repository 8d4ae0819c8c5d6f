"""`order_out_for_delivery`: whoever brings an order is on the way."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from smsapp.events.fields import Event, LocalTime, OrderId, TrackingUrl, opening, tracking
from smsapp.events.kind import Kind


class OrderOutForDelivery(Event):
    """What a service says when an order is about to be brought, and between when, if known."""

    order_id: OrderId
    from_: Annotated[LocalTime | None, Field(alias="from")] = None
    until: LocalTime | None = None
    tracking_url: TrackingUrl | None = None

    @field_validator("until")
    @classmethod
    def _ends_after_it_begins(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        begins = info.data.get("from_")
        if until and begins and until <= begins:
            raise ValueError("must be later than from")
        return until


def words(event: OrderOutForDelivery, shop_name: str) -> str:
    """Return the text about an order on its way to the door."""
    return (
        f"{opening(shop_name)}Your order {event.order_id} is out for delivery"
        f"{_when(event.from_, event.until)}.{tracking(event.tracking_url)}"
    )


def _when(begins: datetime | None, ends: datetime | None) -> str:
    """Return when it comes, by the clock that the service wrote the times by."""
    if begins and ends:
        return f" and comes between {begins:%H:%M} and {ends:%H:%M}"
    if begins:
        return f" and comes after {begins:%H:%M}"
    return f" and comes by {ends:%H:%M}" if ends else ""


def _same(at: datetime | None) -> str | None:
    """Return a time as content: however its offset is written, it is the same."""
    return at.astimezone(UTC).isoformat() if at else None


ORDER_OUT_FOR_DELIVERY = Kind(
    name="order_out_for_delivery",
    title="Order out for delivery",
    purpose="order_updates",
    body=OrderOutForDelivery,
    about="order",
    subject=lambda event: event.order_id,
    content=lambda event: [
        event.order_id,
        _same(event.from_),
        _same(event.until),
        event.tracking_url,
    ],
    words=words,
    max_age=lambda settings: timedelta(hours=settings.order_shipped_max_age_hours),
)
