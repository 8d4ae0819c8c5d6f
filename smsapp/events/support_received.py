"""`support_received`: a question has reached the shop."""

from smsapp.config import Settings
from smsapp.events.fields import Event, Reference, order_max_age, text
from smsapp.events.kind import Kind
from smsapp.languages import ENGLISH


class SupportReceived(Event):
    """What a service says when a ticket is opened: which, and never what about."""

    ticket_id: Reference


def words(event: SupportReceived, settings: Settings) -> str:
    """Return the text about a question; it names the ticket alone, whatever it is about."""
    _ = event.language.gettext
    # The shop has its own words for it, which no other language can hold.
    if settings.support_answers_within and event.language.code == ENGLISH.code:
        said = f"We have your question and will answer it {settings.support_answers_within}."
    else:
        said = _("We have your question and will answer it.")
    return text(settings, said, _("Your ticket: %(ticket)s.", ticket=event.ticket_id))


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
