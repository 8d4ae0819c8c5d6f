"""`order_out_for_delivery`: whoever brings an order is on the way."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from smsapp.config import Settings
from smsapp.events.fields import (
    Event,
    LocalTime,
    Reference,
    TrackingUrl,
    opening,
    same_time,
    tracking,
)
from smsapp.events.kind import order_kind
from smsapp.events.times import time_of_day


class OrderOutForDelivery(Event):
    """What a service says when an order is about to be brought, and between when, if known."""

    order_id: Reference
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


def words(event: OrderOutForDelivery, settings: Settings) -> str:
    """Return the text about an order on its way to the door."""
    return (
        f"{opening(settings)}Your order {event.order_id} is out for delivery"
        f"{_when(event)}.{tracking(event.tracking_url)}"
    )


def _when(event: OrderOutForDelivery) -> str:
    begins = event.from_ and time_of_day(event.from_, event.phone)
    ends = event.until and time_of_day(event.until, event.phone)
    if begins and ends:
        return f" and comes between {begins} and {ends}"
    if begins:
        return f" and comes after {begins}"
    return f" and comes by {ends}" if ends else ""


ORDER_OUT_FOR_DELIVERY = order_kind(
    name="order_out_for_delivery",
    title="Order out for delivery",
    body=OrderOutForDelivery,
    content=lambda event: [
        event.order_id,
        same_time(event.from_),
        same_time(event.until),
        event.tracking_url,
    ],
    words=words,
    supersedes=("order_delayed",),
)
