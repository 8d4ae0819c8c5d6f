"""What a kind of event is: a row of the table in kinds.py, made in a file of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from smsapp.config import Settings
from smsapp.events.fields import Event, order_max_age
from smsapp.models import Channel


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event, and all that the rest of the app has to know of it.

    Attributes:
        name: As in the address it is posted to, the database, logs and metrics.
        title: What people call it, such as "Order shipped".
        purpose: What somebody has to have agreed to (recipients/purposes.py).
        body: What a service posts; its docstring and fields are the contract.
        about: What sort of thing its subject is: "order".
        subject: Which one: "1001".
        content: Besides the phone, what makes an event with this id the same event again.
        words: The message.
        max_age: For how long the message matters.
        waits_for_morning: Whether it keeps out of quiet hours.
        supersedes: The kinds of events about the same subject that it makes pointless.
        route: The channels that are tried, in their order.
    """

    name: str
    title: str
    purpose: str
    body: type[Event]
    about: str
    subject: Callable[[Any], str]
    content: Callable[[Any], list[str | None]]
    words: Callable[[Any, Settings], str]
    max_age: Callable[[Settings], timedelta]
    waits_for_morning: bool = False
    supersedes: tuple[str, ...] = ()
    route: tuple[Channel, ...] = (Channel.SMS,)

    def own_fields(self) -> list[str]:
        """Return what its event has besides every event's fields, as callers spell it."""
        fields = self.body.model_fields.items()
        return [str(field.alias) for name, field in fields if name not in Event.model_fields]


# What all kinds about an order share.
order_kind = partial(
    Kind,
    purpose="order_updates",
    about="order",
    subject=lambda event: event.order_id,
    max_age=order_max_age,
)
