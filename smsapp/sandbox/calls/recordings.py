"""What is said after the tone: typed, kept, told to the app, and heard as a tone."""

import io
import math
import struct
import wave
from urllib.parse import urljoin

from smsapp import clock
from smsapp.sandbox.calls import posting
from smsapp.sandbox.calls.call import Call, Recording
from smsapp.sandbox.calls.twiml import Verb
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.message import API_VERSION, new_sid, rfc2822

# What somebody says in a second.
CHARACTERS_A_SECOND = 14
# Fields of places are not told with a transcription.
_PLACES = ("City", "State", "Zip", "Country")
_RATE, _PITCH, _LOUDNESS = 8000, 440, 6000  # samples a second, hertz, of 32,767


def keep(desk: Desk, call: Call, wants: Verb, words: str) -> dict[str, str]:
    """Keep what was said, and tell the app of the recording and of its transcription.

    Return what its action is told. Where nothing was said there is no recording.
    """
    now, document = clock.now().timestamp(), wants["document"]
    writes = wants.get("transcribe") == "true" and wants.get("transcribeCallback")
    recording = Recording(
        sid=new_sid("RE"),
        call_sid=call.sid,
        words=words,
        seconds=max(3, math.ceil(len(words) / CHARACTERS_A_SECOND)) if words else 0,
        created_at=now,
        transcription_sid=new_sid("TR") if words and writes else None,
    )
    account = f"https://api.twilio.com/{API_VERSION}/Accounts/{desk.config.account_sid}"
    url = f"{account}/Recordings/{recording.sid}"
    told = {
        "RecordingUrl": url,
        "RecordingSid": recording.sid,
        "RecordingDuration": str(recording.seconds),
    }
    with desk.database.write() as db:
        if callback := wants.get("recordingStatusCallback"):
            said = _of_recording(desk, recording, url)
            posting.post(desk, db, call, "recording", urljoin(document, callback), said)
        if recording.transcription_sid:
            place = urljoin(document, wants["transcribeCallback"])
            said = _of_transcription(desk, call, recording, url) | {"url": place}
            posting.post(desk, db, call, "transcription", place, said)
        if words:
            db.add(recording)
    desk.changed()
    return told


def _of_recording(desk: Desk, recording: Recording, url: str) -> dict[str, str]:
    said = {
        "RecordingSource": "RecordVerb",
        "RecordingSid": recording.sid,
        "RecordingUrl": url,
        "RecordingStatus": "completed" if recording.words else "absent",
        "RecordingChannels": "1",
        "CallSid": recording.call_sid,
        "RecordingStartTime": rfc2822(recording.created_at),
        "AccountSid": desk.config.account_sid,
    }
    if recording.words:
        said |= {"ErrorCode": "0", "RecordingDuration": str(recording.seconds)}
    return said


def _of_transcription(desk: Desk, call: Call, recording: Recording, url: str) -> dict[str, str]:
    fields = posting.fields(desk, call).items()
    return {name: value for name, value in fields if not name.endswith(_PLACES)} | {
        "TranscriptionType": "fast",
        "TranscriptionUrl": f"{url}/Transcriptions/{recording.transcription_sid}",
        "TranscriptionSid": recording.transcription_sid or "",
        "TranscriptionStatus": "completed",
        "TranscriptionText": recording.words,
        "RecordingSid": recording.sid,
        "RecordingUrl": url,
    }


def tone(seconds: int) -> bytes:
    """Return what a recording sounds like: a tone, as a WAV file."""
    turn, file = 2 * math.pi * _PITCH / _RATE, io.BytesIO()
    samples = (int(_LOUDNESS * math.sin(turn * n)) for n in range(_RATE * seconds))
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_RATE)
        sound.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()
