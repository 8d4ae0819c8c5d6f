"""`signed_up`: a customer has agreed to texts on our own page, which is confirmed by one.

No service tells us so: we do ourselves, once for each code that was entered.
"""

from datetime import timedelta

from smsapp.config import Settings
from smsapp.events.fields import HOW_TO_STOP, Event, opening
from smsapp.events.kind import Kind
from smsapp.recipients.purposes import purpose


class SignedUp(Event):
    """A customer with the code of a verification agreed to these purposes, at least one."""

    verification: str
    purposes: tuple[str, ...]


def words(event: SignedUp, settings: Settings) -> str:
    """Return the text that says what was agreed to, and how to take it back."""
    *first, last = (purpose(name).title.lower() for name in event.purposes)
    listed = f"{', '.join(first)} and {last}" if first else last
    return (
        f"{opening(settings)}You agreed to get {listed} by text. Reply HELP for help.{HOW_TO_STOP}"
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
    max_age=lambda _settings: timedelta(hours=1),
)
