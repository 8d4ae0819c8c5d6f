"""`announcement`: what a shop says to many at once, about a purpose that each has agreed to.

In batches only (smsapp/batches): at the API there is no way to say just anything to anybody.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from smsapp.config import Settings
from smsapp.events.fields import Event, Reference, how_to_stop, text
from smsapp.events.kind import Kind
from smsapp.models import Channel

# Ten segments.
MAX_CHARACTERS = 1530


def _lines(value: str) -> str:
    if not all(character.isprintable() or character == "\n" for character in value):
        raise ValueError("must not hold control characters")
    return value


class Announcement(Event):
    """What is announced to one person, its gaps filled; and the batch that it came in with."""

    batch: Reference
    words: Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS), AfterValidator(_lines)]


def words(event: Announcement, settings: Settings) -> str:
    """Return what is announced, with how to stop it: nobody asked for this one text."""
    says_how = "STOP" in event.words
    return text(settings, event.words, "" if says_how else how_to_stop(event.language))


ANNOUNCEMENT = Kind(
    name="announcement",
    title="Announcement",
    purpose="order_updates",  # unless the batch names another, which it does
    body=Announcement,
    about="batch",
    subject=lambda event: event.batch,
    content=lambda event: [event.batch, event.words],
    words=words,
    max_age=lambda _settings: timedelta(hours=24),
    waits_for_morning=True,
    # WhatsApp would want a template, and a mail an agreement of its own.
    route=(Channel.SMS,),
)
