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
    same_time,
    text,
    tracking,
)
from smsapp.events.kind import order_kind
from smsapp.events.times import time_of_day


class OrderOutForDelivery(Event):
    """What a service says when an order is about to be brought, and between when, if known."""

    order_id: Reference
    from_: Annotated[LocalTime | None, Field(alias="from")] = None
    until: Annotated[LocalTime, Field(examples=["2030-06-03T17:00:00+02:00"])] | None = None
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
    return text(settings, _on_its_way(event), tracking(event.tracking_url, event.language))


def _on_its_way(event: OrderOutForDelivery) -> str:
    _, order = event.language.gettext, event.order_id
    begins, ends = _time(event.from_, event), _time(event.until, event)
    if begins and ends:
        return _(
            "Your order %(order)s is out for delivery and comes between %(begins)s and %(ends)s.",
            order=order,
            begins=begins,
            ends=ends,
        )
    if begins:
        return _(
            "Your order %(order)s is out for delivery and comes after %(begins)s.",
            order=order,
            begins=begins,
        )
    if ends:
        return _(
            "Your order %(order)s is out for delivery and comes by %(ends)s.",
            order=order,
            ends=ends,
        )
    return _("Your order %(order)s is out for delivery.", order=order)


def _time(at: datetime | None, event: OrderOutForDelivery) -> str | None:
    return time_of_day(at, event.phone, event.language) if at else None


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
