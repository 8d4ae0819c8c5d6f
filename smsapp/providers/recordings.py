"""The sound of voicemails, which Twilio keeps: fetched for who listens, and deleted for good.

It goes through us: neither Twilio's address nor our credentials reach a browser.
"""

import re
from functools import lru_cache
from urllib.parse import urljoin

from twilio.rest import Client

from smsapp.extensions import settings
from smsapp.providers import outcomes
from smsapp.providers.http_client import rest_client
from smsapp.providers.outcomes import CallFailed, Failure, outcome_of

SID = re.compile(r"RE[0-9a-f]{32}")
# For a whole recording, which may be large.
FETCH_SECONDS = 15.0
# Bytes: two minutes of Twilio's WAV files are 2 MB.
MAX_BYTES = 8 * 1024 * 1024
# Where an account keeps its recordings elsewhere, Twilio sends on whoever asks for one.
_MAX_REDIRECTS = 2


def fetch(sid: str) -> bytes | Failure:
    """Return a recording, a WAV file."""
    client, sound = _client(), bytearray()
    url = f"{client.api.base_url}/2010-04-01/Accounts/{client.account_sid}/Recordings/{sid}"
    auth: tuple[str, str] | None = client.auth

    def take(some: bytes) -> int:
        if len(sound) + len(some) > MAX_BYTES:
            return 0
        sound.extend(some)
        return len(some)

    for _ in range(_MAX_REDIRECTS + 1):
        try:
            answer = client.http_client.get(url, take, auth=auth)
        except CallFailed as failed:
            return failed.outcome
        if 200 <= answer.status < 300:
            return bytes(sound)
        location = answer.headers.get("location")
        if not (300 <= answer.status < 400 and location):
            return outcomes.of_answer(answer.status, b"", None)
        # Our credentials are for Twilio alone.
        url, auth = urljoin(url, location), None
    return outcomes.UNREADABLE


def delete(sid: str) -> bool | Failure:
    """Delete a recording at Twilio for good, with what was written down of it."""

    def call() -> bool:
        client = _client()
        for written in client.recordings(sid).transcriptions.list():
            client.transcriptions(written.sid).delete()
        return bool(client.recordings(sid).delete())

    return outcome_of(call)


def _client() -> Client:
    config = settings()
    return _connect(config.twilio_account_sid, *config.rest_credentials, config.twilio_base_url)


@lru_cache(maxsize=4)
def _connect(account_sid: str, user: str, password: str, base_url: str | None) -> Client:
    return rest_client(account_sid, user, password, base_url, FETCH_SECONDS)
