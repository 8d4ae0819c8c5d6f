"""Pictures, voice notes and other files that people sent, which Twilio keeps.

Twilio answers with a redirect to a storage host. We follow it ourselves, so that our credentials
go to Twilio and not along to there.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urljoin

from twilio.rest import Client

from smsapp.extensions import settings
from smsapp.providers import outcomes
from smsapp.providers.http_client import Answer, rest_client
from smsapp.providers.outcomes import CallFailed, Failure, outcome_of

# Seconds for each step of fetching a file.
FETCH_SECONDS = 15.0
# Bytes. WhatsApp takes 16 MB, an MMS far less.
# Source: https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages
MAX_BYTES = 16 * 1024 * 1024

# From Twilio to its storage, and there perhaps once more.
_MAX_REDIRECTS = 2
_TOTAL = re.compile(r"bytes \S+/([0-9]{1,12})")


@dataclass(frozen=True, slots=True)
class Media:
    """A file of a message: "ME…", and its type as Twilio says it, such as "image/jpeg"."""

    sid: str
    content_type: str


class TooLarge(Exception):
    """A file is larger than we fetch."""


def of_message(message_sid: str) -> list[Media] | Failure:
    """Return the files of a message."""
    found = _client().messages(message_sid).media
    return outcome_of(
        lambda: [Media(each.sid, each.content_type or "") for each in found.stream(page_size=20)]
    )


def size_of(message_sid: str, media_sid: str) -> int | Failure | None:
    """Return how many bytes a file has, without fetching it; None where nobody says.

    The storage takes a GET for a part of the file; a signed address of it takes no HEAD.
    """
    try:
        answer = _get(message_sid, media_sid, len, {"Range": "bytes=0-0"})
    except CallFailed as failed:
        return failed.outcome
    if answer.status == 206:
        total = _TOTAL.fullmatch(answer.headers.get("content-range", ""))
        return int(total[1]) if total else None
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def fetch(message_sid: str, media_sid: str, write: Callable[[bytes], object]) -> str | Failure:
    """Fetch a file into `write`; return its type in lower case, without parameters.

    Raises:
        TooLarge: It has more than MAX_BYTES.
    """
    taken = 0

    def take(some: bytes) -> int:
        nonlocal taken
        taken += len(some)
        if taken > MAX_BYTES:
            return 0
        write(some)
        return len(some)

    try:
        answer = _get(message_sid, media_sid, take)
    except CallFailed as failed:
        if taken > MAX_BYTES:
            raise TooLarge from None
        return failed.outcome
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def delete(message_sid: str, media_sid: str) -> bool | Failure:
    """Delete a file at Twilio for good."""
    one = _client().messages(message_sid).media(media_sid)
    return outcome_of(lambda: bool(one.delete()))


def _get(
    message_sid: str,
    media_sid: str,
    write: Callable[[bytes], int],
    headers: dict[str, str] | None = None,
) -> Answer:
    client = _client()
    url = (
        f"{client.api.base_url}/2010-04-01/Accounts/{client.account_sid}"
        f"/Messages/{message_sid}/Media/{media_sid}"
    )
    auth: tuple[str, str] | None = client.auth
    for _ in range(_MAX_REDIRECTS + 1):
        answer: Answer = client.http_client.get(url, write, auth=auth, headers=headers)
        if 200 <= answer.status < 300:
            return answer
        location = answer.headers.get("location")
        if not (300 <= answer.status < 400 and location):
            raise CallFailed(outcomes.of_answer(answer.status, b"", None))
        url, auth = urljoin(url, location), None
    raise CallFailed(outcomes.UNREADABLE)


def _client() -> Client:
    config = settings()
    return _connect(config.twilio_account_sid, *config.rest_credentials, config.twilio_base_url)


@lru_cache(maxsize=4)
def _connect(account_sid: str, user: str, password: str, base_url: str | None) -> Client:
    """Return a client of its own: it may wait longer than whoever sends."""
    return rest_client(account_sid, user, password, base_url, FETCH_SECONDS)
