"""Voicemail: a message after the tone, kept in the inbox beside texts, and who is told of it.

Its transcript comes later, or never: the message is there at once. Where it lies at Twilio is found
by its SID, never by an address that was posted.
"""

import logging
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from smsapp import metrics
from smsapp.delivery import outbox
from smsapp.events import accepting
from smsapp.events.voicemail_left import VOICEMAIL_LEFT, VoicemailLeft
from smsapp.extensions import database_now, db, insert_into, settings
from smsapp.models import Call, Channel, Inbound, TranscriptState, Voicemail
from smsapp.phone import phone_key
from smsapp.recipients import phones

log = logging.getLogger(__name__)

# Twilio tells within minutes, of a bad recording perhaps never.
TRANSCRIPT_WITHIN = timedelta(hours=1)
MAX_CHARACTERS = 4000

_CALLER = select(Call.phone_key).where(Call.sid == bindparam("of"))
_WRITE_DOWN = (
    update(Inbound)
    .where(Inbound.sid == bindparam("of"), Inbound.blanked_at.is_(None))
    .values(body=bindparam("words"))
)


def keep(sid: str, call_sid: str, seconds: int) -> bool:
    """Keep a message, and tell those who look after the inbox; return whether it is new.

    They are told in a commit of its own: posted again, it finds the message, and tells once.
    """
    with db.engine.begin() as conn:
        is_new = _keep(conn, sid, call_sid, seconds)
    metrics.count(metrics.INBOUND, "voicemail", "new" if is_new else "repeated")
    log.info("voicemail", extra={"recording_sid": sid, "effect": "new" if is_new else "repeated"})
    _tell(sid)
    return is_new


def write_down(sid: str, call_sid: str, words: str | None) -> None:
    """Keep what was said in writing; None where Twilio could not make it out."""
    with db.engine.begin() as conn:
        _keep(conn, sid, call_sid, 0)
        if words:
            said = words.replace("\x00", "")[:MAX_CHARACTERS]
            conn.execute(_WRITE_DOWN, {"of": sid, "words": said})
        state = TranscriptState.WRITTEN if words else TranscriptState.MISSING
        conn.execute(update(Voicemail).where(Voicemail.sid == sid).values(transcript=state))


def _keep(conn: Connection, sid: str, call_sid: str, seconds: int) -> bool:
    """Write a message's rows, whichever of its callbacks comes first."""
    key: str | None = conn.execute(_CALLER, {"of": call_sid}).scalar_one_or_none()
    if key is None:  # of a call that we know nothing of: it is kept, under a key of the call's
        key = phone_key(call_sid, settings().phone_key_bytes)
        phones.remember_and_lock(conn, {key: None})
    else:
        phones.lock(conn, [key])
    now = database_now(conn)
    row = {
        "sid": sid,
        "phone_key": key,
        "body": "",
        "channel": Channel.CALL,
        "keyword": None,
        "received_at": now,
    }
    found: Any = insert_into(conn, Inbound).values(row).on_conflict_do_nothing()
    is_new = bool(conn.execute(found.returning(Inbound.sid)).all())
    insert: Any = insert_into(conn, Voicemail).values(
        sid=sid,
        call_sid=call_sid,
        seconds=seconds,
        transcript=TranscriptState.AWAITED,
        transcript_by=now + TRANSCRIPT_WITHIN,
    )
    if seconds:
        insert = insert.on_conflict_do_update(
            index_elements=["sid"], set_={"seconds": insert.excluded.seconds}
        )
    else:
        insert = insert.on_conflict_do_nothing()
    conn.execute(insert)
    return is_new


def _tell(sid: str) -> None:
    """Let those of VOICEMAIL_TO be told by a worker, each once for each message."""
    config = settings()
    if not config.voicemail_to:
        return
    link = f"{config.public_base_url}/console/inbox"
    told = [
        VoicemailLeft.model_validate(
            {"eventId": f"{sid}-{place}", "phone": number, "recording": sid, "link": link}
        )
        for place, number in enumerate(sorted(config.voicemail_to))
    ]
    rows = [accepting.new_delivery(VOICEMAIL_LEFT, event, None, send_now=False) for event in told]
    with db.engine.begin() as conn:
        outbox.accept(conn, rows)
