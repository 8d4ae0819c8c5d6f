"""`voicemail_left`: somebody left a message on the phone, which who looks after it is told."""

from datetime import timedelta

from smsapp.config import Settings
from smsapp.events.fields import Event, text
from smsapp.events.kind import Kind
from smsapp.models import Channel


class VoicemailLeft(Event):
    """Which message, and where it is heard: never by whom, for a text is read by anybody."""

    recording: str
    link: str


def words(event: VoicemailLeft, settings: Settings) -> str:
    """Return the text to whoever looks after the inbox."""
    _ = event.language.gettext
    return text(settings, _("Somebody left a voicemail: %(url)s", url=event.link))


VOICEMAIL_LEFT = Kind(
    name="voicemail_left",
    title="Voicemail left",
    purpose="inbox",  # the shop's own people, whom its settings name
    body=VoicemailLeft,
    about="voicemail",
    subject=lambda event: event.recording,
    content=lambda event: [event.recording],
    words=words,
    route=(Channel.SMS, Channel.EMAIL),
    max_age=lambda _settings: timedelta(hours=24),
)
