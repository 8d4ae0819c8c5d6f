"""All that callers can be told: one row each, and a trigger of the database that notes it.

To tell of something more: a row here, with a reader in payloads.py, and a migration with a trigger
that calls it by this name (see 0028).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from smsapp.webhooks import payloads

Reader = Callable[[Connection, Sequence[Any]], Any]


@dataclass(frozen=True, slots=True)
class Type:
    """Something that callers are told of.

    Attributes:
        name: What it is called, "delivery.sent".
        about: A sentence for callers.
        data: The shape of its data.
        read: Returns the data of some webhooks of this type, by their ids.
    """

    name: str
    about: str
    data: type
    read: Reader


def _of_delivery(state: str, about: str) -> Type:
    return Type(f"delivery.{state}", about, payloads.DeliveryData, payloads.of_deliveries)


def _of_opt_out(what: str, about: str) -> Type:
    return Type(f"recipient.{what}", about, payloads.OptOutData, payloads.of_opt_outs)


def _of_consent(what: str, about: str) -> Type:
    return Type(f"recipient.{what}", about, payloads.ConsentData, payloads.of_consents)


_ALL = (
    _of_delivery("sent", "The message has left."),
    _of_delivery("delivered", "The phone, or the mailbox, has it."),
    _of_delivery("undelivered", "It could not be delivered, and is not tried again."),
    _of_delivery("failed", "It was refused for good."),
    _of_delivery("suppressed", "It was not sent, because of consent or an opt-out."),
    _of_delivery("canceled", "It was not sent, because somebody or a later event said so."),
    _of_delivery("expired", "It was not sent, because it came too late to matter."),
    _of_delivery("read", "The person has read it, as WhatsApp says."),
    Type(
        "appointment.confirmed",
        "The customer said that they come.",
        payloads.AppointmentData,
        payloads.of_appointments,
    ),
    _of_opt_out("opted_out", "They want no messages at all any more."),
    _of_opt_out("opted_in", "An opt-out was lifted; it is no consent."),
    _of_consent("consented", "They agreed to a purpose themselves, not by a service's word."),
    _of_consent("withdrew", "They agree to a purpose no more."),
    Type(
        "message.received",
        "Somebody wrote to us.",
        payloads.MessageData,
        payloads.of_messages,
    ),
    Type(
        "incident.acknowledged",
        "Somebody on call has it.",
        payloads.IncidentData,
        payloads.of_incidents,
    ),
)
TYPES = {each.name: each for each in _ALL}
