"""`support_received`: a question has reached the shop."""

from smsapp.config import Settings
from smsapp.events.fields import Event, Reference, opening, order_max_age
from smsapp.events.kind import Kind


class SupportReceived(Event):
    """What a service says when a ticket is opened: which, and never what about."""

    ticket_id: Reference


def words(event: SupportReceived, settings: Settings) -> str:
    """Return the text about a question; it names the ticket alone, whatever it is about."""
    when = f" {settings.support_answers_within}" if settings.support_answers_within else ""
    return (
        f"{opening(settings)}We have your question and will answer it{when}. "
        f"Your ticket: {event.ticket_id}."
    )


SUPPORT_RECEIVED = Kind(
    name="support_received",
    title="Question received",
    purpose="support",
    body=SupportReceived,
    about="ticket",
    subject=lambda event: event.ticket_id,
    content=lambda event: [event.ticket_id],
    words=words,
    max_age=order_max_age,
)
