"""`answer`: a person who wrote to us is answered, by an operator or by a word they wrote."""

from datetime import timedelta

from smsapp.config import Settings
from smsapp.events.fields import Event
from smsapp.events.kind import Kind


class Answer(Event):
    """What is answered, to which text: its SID."""

    to: str
    words: str


def words(event: Answer, _settings: Settings) -> str:
    """Return what is answered, and nothing else: they are talking already."""
    return event.words


ANSWER = Kind(
    name="answer",
    title="Answer",
    purpose="answer",  # nobody has to agree to that beside their question
    body=Answer,
    about="text",
    subject=lambda event: event.to,
    content=lambda event: [event.to, event.words],
    words=words,
    max_age=lambda _settings: timedelta(hours=24),
)
