"""Files that people send: how large each is, and handing one to an operator who asks for it.

They stay at Twilio. Nothing is fetched but on a press of a button, and nothing of it is kept.
"""

import logging
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import IO

from sqlalchemy import select, update

from smsapp import audit, backoff
from smsapp.errors import NotFound
from smsapp.extensions import database_now, db, reading
from smsapp.models import Act, Inbound, InboundMedia
from smsapp.providers import media
from smsapp.providers.media import MAX_BYTES, TooLarge
from smsapp.providers.outcomes import Failure, Refused
from smsapp.trace import words_of_media
from smsapp.trace.acts import NotDone

log = logging.getLogger(__name__)

BATCH = 20
# Whoever claims a batch has this long for it; then another may claim it.
CLAIMED_FOR = timedelta(minutes=10)
# Where nobody said how large a file is, it is asked again after 1, 2, 4, 8 minutes, and then not.
FIRST_WAIT = timedelta(minutes=1)
MAX_WAIT = timedelta(minutes=8)
MAX_TRIES = 5
# Bytes of a file that are held in memory; what is larger waits on the disk, until it is sent.
IN_MEMORY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """A file on its way to an operator: its bytes, their number, its type, and a name for it."""

    content: IO[bytes]
    size: int
    content_type: str
    name: str


def fetch(phone_key: str, media_sid: str, operator_id: int) -> File:
    """Fetch a file that came from a number, and write down who asked for it.

    Raises:
        NotFound: There is none, or its text was blanked.
        NotDone: It is not of a type that is handed on, too large, or Twilio does not give it.
    """
    one = (
        select(InboundMedia.inbound_sid, InboundMedia.content_type)
        .join(Inbound, Inbound.sid == InboundMedia.inbound_sid)
        .where(InboundMedia.sid == media_sid, Inbound.phone_key == phone_key)
    )
    with reading() as conn:
        found = conn.execute(one).one_or_none()
    if found is None:
        raise NotFound("There is no such file any more.")
    if not words_of_media.may_be_fetched(found.content_type):
        raise NotDone(f"Files of this type are not fetched: {found.content_type or 'unknown'}.")
    with ExitStack() as closing:
        content = closing.enter_context(tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))
        content_type = _content_type(found.inbound_sid, media_sid, content)
        with db.engine.begin() as conn:
            if conn.execute(one.with_for_update(of=InboundMedia)).one_or_none() is None:
                raise NotFound("There is no such file any more.")
            audit.write(conn, operator_id, Act.FETCHED, phone_key)
        closing.pop_all()  # whoever sends it closes it
    size = content.tell()
    content.seek(0)
    name = f"{media_sid[:10]}.{words_of_media.TYPES[content_type].extension}"
    return File(content, size, content_type, name)


def _content_type(message_sid: str, media_sid: str, content: IO[bytes]) -> str:
    """Fetch a file's bytes into `content`; return its type, one of those handed on."""
    try:
        answer = media.fetch(message_sid, media_sid, content.write)
    except TooLarge:
        raise NotDone(f"It is larger than {words_of_media.size(MAX_BYTES)}.") from None
    if isinstance(answer, Refused) and answer.http_status in {403, 404, 410}:
        raise NotDone("Twilio does not have it any more.")
    if isinstance(answer, Failure):
        log.warning("file not fetched", extra={"message_sid": message_sid})
        raise NotDone("Twilio did not give it just now. Try again in a minute.")
    if not words_of_media.may_be_fetched(answer):
        raise NotDone("It is not what it was said to be, so it was not handed on.")
    return answer


def measure(stopping: threading.Event) -> int:
    """Ask how large some files are, of which nobody has said; return of how many."""
    asked = 0
    for media_sid, message_sid, tries in _claim():
        if stopping.is_set():
            break
        asked += 1
        size = media.size_of(message_sid, media_sid)
        known = size if isinstance(size, int) else None
        again = isinstance(size, Failure) and tries < MAX_TRIES
        wait = backoff.exponential(tries, FIRST_WAIT, MAX_WAIT) if again else None
        with db.engine.begin() as conn:
            now = database_now(conn)
            one = update(InboundMedia).where(InboundMedia.sid == media_sid)
            conn.execute(one.values(size=known, ask_at=wait and now + wait))
    return asked


def _claim() -> list[tuple[str, str, int]]:
    """Claim a batch; return for each its SID, its message's, and the tries, this one included."""
    with reading() as conn:  # mostly there is none, and no lock is needed to see that
        due = InboundMedia.ask_at <= database_now(conn)
        if conn.execute(select(InboundMedia.sid).where(due).limit(1)).one_or_none() is None:
            return []
    with db.engine.begin() as conn:
        now = database_now(conn)
        rows = conn.execute(
            select(InboundMedia.sid, InboundMedia.inbound_sid, InboundMedia.tries)
            .where(InboundMedia.ask_at <= now)
            .order_by(InboundMedia.ask_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        if rows:
            conn.execute(
                update(InboundMedia)
                .where(InboundMedia.sid.in_([row.sid for row in rows]))
                .values(ask_at=now + CLAIMED_FOR, tries=InboundMedia.tries + 1)
            )
    return [(row.sid, row.inbound_sid, row.tries + 1) for row in rows]
