"""`incident_paged` and `incident_told`: whoever is on call is told of an incident.

No service tells us so: the steps of the incident do (oncall/).
"""

from datetime import timedelta

from smsapp.config import Settings
from smsapp.events.fields import Event, opening
from smsapp.events.kind import Kind
from smsapp.models import Channel
from smsapp.recipients.purposes import ON_CALL


class IncidentWords(Event):
    """What somebody is told, of which incident: its key."""

    incident_key: str
    words: str


def words(event: IncidentWords, settings: Settings) -> str:
    """Return the text."""
    return opening(settings) + event.words


def _kind(name: str, title: str, minutes: int) -> Kind:
    return Kind(
        name=name,
        title=title,
        purpose=ON_CALL,
        body=IncidentWords,
        about="incident",
        subject=lambda event: event.incident_key,
        content=lambda event: [event.incident_key, event.words],
        words=words,
        route=(Channel.SMS,),
        max_age=lambda _settings: timedelta(minutes=minutes),
    )


# By then a later step has told somebody else.
INCIDENT_PAGED = _kind("incident_paged", "Incident page", 15)
# Who has it, or that it is over.
INCIDENT_TOLD = _kind("incident_told", "Incident news", 60)
