"""Playing a voicemail to who looks after the inbox, for as long as its words are kept here."""

from sqlalchemy import bindparam, select

from smsapp.errors import NotFound, RecordingAway
from smsapp.extensions import reading
from smsapp.models import Inbound, Voicemail
from smsapp.providers import recordings
from smsapp.providers.outcomes import Refused

_IS_HERE = (
    select(Voicemail.sid)
    .join(Inbound, Inbound.sid == Voicemail.sid)
    .where(Voicemail.sid == bindparam("of"), Inbound.blanked_at.is_(None))
)


def play(sid: str) -> bytes:
    """Return the sound of a voicemail, a WAV file.

    Raises:
        NotFound: There is none, or it was deleted.
        RecordingAway: Twilio does not give it just now.
    """
    with reading() as conn:
        if conn.execute(_IS_HERE, {"of": sid}).one_or_none() is None:
            raise NotFound("There is no such voicemail, or it is not kept any more.")
    sound = recordings.fetch(sid)
    if isinstance(sound, bytes):
        return sound
    if isinstance(sound, Refused) and sound.http_status == 404:
        raise NotFound("Twilio has this voicemail no more.")
    raise RecordingAway
