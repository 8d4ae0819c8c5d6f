"""Blanking messages at Twilio too, where BLANK_BODIES_AT_TWILIO says so, and deleting their files.

Voicemails are deleted in any case.

The commit that blanks a text here writes a row (`enqueue`, `forget_media`), which is deleted once
Twilio has blanked the message or deleted the file. To ask Twilio twice does no harm.
"""

import logging
import threading
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, literal, select, update

from smsapp import backoff
from smsapp.extensions import database_now, db, insert_into, reading, settings
from smsapp.models import Attempt, BodyAtTwilio, Channel, Inbound, InboundMedia
from smsapp.models.base import UtcDateTime
from smsapp.providers import media, recordings, sms
from smsapp.providers.messages import Listed
from smsapp.providers.outcomes import Failure, Refused

log = logging.getLogger(__name__)

# Asked for one after the other; each may take as long as a call to Twilio may.
BATCH = 20
# Whoever claims a batch has this long for it; then another may claim it.
CLAIMED_FOR = timedelta(minutes=10)
# Where Twilio did not blank it, it is asked again after 10, 20, 40 minutes … and finally daily.
FIRST_WAIT = timedelta(minutes=10)
MAX_WAIT = timedelta(days=1)
# The trouble is our account or our pace: asking for the next message would fail as well.
_FAIL_FOR_ALL = {401, 403, 429}

# What the SID of a recording begins with.
VOICEMAIL = "RE"

_DUE = BodyAtTwilio.ask_at <= bindparam("now")
_DUE_BATCH = (
    select(BodyAtTwilio.sid, BodyAtTwilio.of_message, BodyAtTwilio.tries)
    .where(_DUE)
    .order_by(BodyAtTwilio.ask_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_SET = update(BodyAtTwilio).where(BodyAtTwilio.sid == bindparam("of"))


def of_deliveries(ids: Collection[uuid.UUID]) -> Select[Any]:
    """Return the query for the messages of these deliveries whose words Twilio has."""
    return select(Attempt.sid).where(
        Attempt.delivery_id.in_(ids),
        Attempt.sid.is_not(None),
        Attempt.channel.in_([Channel.SMS, Channel.WHATSAPP]),
    )


def of_inbound(sids: Collection[str]) -> Select[Any]:
    """Return the query for these messages of customers'."""
    return select(Inbound.sid).where(Inbound.sid.in_(sids))


def enqueue(conn: Connection, messages: Select[Any], now: datetime) -> None:
    """Write down that these messages are to be blanked, as the settings ask for.

    A voicemail lies nowhere but there: it is deleted, whatever they say.
    """
    if not settings().blank_bodies_at_twilio:
        (sid,) = messages.selected_columns
        messages = messages.where(sid.like(f"{VOICEMAIL}%"))
    rows = messages.add_columns(literal(now, UtcDateTime))
    conn.execute(
        insert_into(conn, BodyAtTwilio)
        .from_select(["sid", "ask_at"], rows)
        .on_conflict_do_nothing()
    )


def forget_media(conn: Connection, texts: Select[Any], now: datetime) -> None:
    """Forget the files of these texts: nobody can fetch one any more, and Twilio is to delete it.

    Args:
        conn: In the transaction that blanks the texts.
        texts: The query for their SIDs.
        now: The time.
    """
    theirs = InboundMedia.inbound_sid.in_(texts)
    if settings().blank_bodies_at_twilio:
        rows = select(InboundMedia.sid, InboundMedia.inbound_sid, literal(now, UtcDateTime)).where(
            theirs
        )
        conn.execute(
            insert_into(conn, BodyAtTwilio)
            .from_select(["sid", "of_message", "ask_at"], rows)
            .on_conflict_do_nothing()
        )
    conn.execute(delete(InboundMedia).where(theirs))


def count() -> int:
    """Return how many messages Twilio is due to be asked to blank."""
    with reading() as conn:
        now = database_now(conn)
        return conn.execute(
            select(func.count()).select_from(BodyAtTwilio).where(_DUE), {"now": now}
        ).scalar_one()


def blank(stopping: threading.Event) -> int:
    """Ask Twilio to blank a batch of messages; return for how many it was asked.

    That is 0 where none is due, where `stopping` is set, and where Twilio cannot be reached or
    refuses our account: then the rest of the batch waits too. What failed is tried again later.
    """
    asked = 0
    for sid, of_message, tries in _claim():
        if stopping.is_set():
            return 0
        asked += 1
        answer = _ask(sid, of_message)
        gone = isinstance(answer, Refused) and answer.http_status == 404
        if gone or answer is True:
            with db.engine.begin() as conn:
                conn.execute(delete(BodyAtTwilio).where(BodyAtTwilio.sid == sid))
            continue
        _postpone(sid, tries)
        status = answer.http_status if isinstance(answer, Refused) else None
        log.warning("not blanked at Twilio", extra={"message_sid": sid, "http_status": status})
        if not isinstance(answer, Refused | bool) or status in _FAIL_FOR_ALL:
            return 0
    return asked


def _ask(sid: str, of_message: str | None) -> bool | Failure:
    """Ask Twilio once; return whether nothing of it is there any more."""
    if of_message:
        return media.delete(of_message, sid)
    if sid.startswith(VOICEMAIL):
        return recordings.delete(sid)
    answer = sms.client().blank(sid)
    return not answer.body if isinstance(answer, Listed) else answer


def _claim() -> list[tuple[str, str | None, int]]:
    """Claim a batch for CLAIMED_FOR.

    Each is a SID, for a file that of its message, and the tries, this one included.
    """
    with db.engine.begin() as conn:
        now = database_now(conn)
        rows = conn.execute(_DUE_BATCH, {"now": now}).all()
        if rows:
            conn.execute(
                _SET.values(ask_at=now + CLAIMED_FOR, tries=BodyAtTwilio.tries + 1),
                [{"of": row.sid} for row in rows],
            )
    return [(row.sid, row.of_message, row.tries + 1) for row in rows]


def _postpone(sid: str, tries: int) -> None:
    wait = backoff.exponential(tries, FIRST_WAIT, MAX_WAIT)
    with db.engine.begin() as conn:
        conn.execute(_SET.values(ask_at=database_now(conn) + wait), {"of": sid})
