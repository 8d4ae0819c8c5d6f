"""What a kind of event is: a row of the table in kinds.py, made in a file of its own."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from smsapp.config import Settings
from smsapp.delivery import outbox
from smsapp.delivery.new_deliveries import Accepted, NewDelivery
from smsapp.events import times
from smsapp.events.fields import Event, order_max_age
from smsapp.models import Channel
from smsapp.segments import smart


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
        accept: What writes its events down, for group_commit.
        details: What that has to know of an event beside its delivery.
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
    route: tuple[Channel, ...] = (Channel.WHATSAPP, Channel.SMS, Channel.EMAIL)
    accept: Callable[[Connection, list[NewDelivery]], list[Accepted]] = outbox.accept
    details: Callable[[Any, Settings], Any] = lambda _event, _settings: None

    def own_fields(self) -> list[str]:
        """Return what its event has besides every event's fields, as callers spell it."""
        fields = self.body.model_fields.items()
        return [str(field.alias) for name, field in fields if name not in Event.model_fields]


def variables(kind: Kind, event: Event, route: Collection[Channel]) -> tuple[str, ...]:
    """Return what fills the gaps of a kind's template: its own fields, in their order.

    A time is said as a text says it; what was left out is a dash, for no gap may be empty. Nothing
    where the route has no channel with templates.
    """
    if Channel.WHATSAPP not in route:
        return ()
    return tuple(_in_words(getattr(event, name), event) for name in gaps(kind))


# They are for us and not for the customer.
_NEVER_TOLD = {"appointment_id", "event_at", "remind_before", "time_zone", "is_confirmed"}


def gaps(kind: Kind) -> list[str]:
    """Return the fields that a template of a kind has gaps for, in the order of the gaps."""
    own = [name for name in kind.body.model_fields if name not in Event.model_fields]
    return [name for name in own if name not in _NEVER_TOLD]


def _in_words(value: Any, event: Any) -> str:
    if isinstance(value, datetime):
        zone = getattr(event, "time_zone", None)
        return times.moment(value, event.phone, event.language, zone)
    if isinstance(value, date):
        return times.day(value, event.language)
    return str(value) if value else "-"


def message(kind: Kind, event: Event, config: Settings) -> str:
    """Return the message about an event as it is sent."""
    words = kind.words(event, config)
    return smart(words) if config.smart_encoding else words


# What all kinds about an order share.
order_kind = partial(
    Kind,
    purpose="order_updates",
    about="order",
    subject=lambda event: event.order_id,
    max_age=order_max_age,
)
