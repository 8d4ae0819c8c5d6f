"""`signed_up`: a customer has agreed to texts on our own page, which is confirmed by one.

No service tells us so: we do ourselves, once for each code that was entered.
"""

from datetime import timedelta

from smsapp.config import Settings
from smsapp.events.fields import Event, how_to_stop, text
from smsapp.events.kind import Kind
from smsapp.models import Channel
from smsapp.recipients.purposes import purpose


class SignedUp(Event):
    """A customer with the code of a verification agreed to these purposes, at least one."""

    verification: str
    purposes: tuple[str, ...]


def words(event: SignedUp, settings: Settings) -> str:
    """Return the text that says what was agreed to, and how to take it back."""
    _, language = event.language.gettext, event.language
    titles = [language.in_sentence(purpose(name, language).title) for name in event.purposes]
    return text(
        settings,
        _("You agreed to get %(purposes)s by text.", purposes=language.listed(titles)),
        _("Reply HELP for help."),
        how_to_stop(language),
    )


SIGNED_UP = Kind(
    name="signed_up",
    title="Sign-up confirmed",
    purpose="",  # one of those agreed to
    body=SignedUp,
    about="verification",
    subject=lambda event: event.verification,
    content=lambda event: [*event.purposes],
    words=words,
    route=(Channel.SMS,),
    max_age=lambda _settings: timedelta(hours=1),
)
