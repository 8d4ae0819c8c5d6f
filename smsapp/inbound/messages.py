"""A text that somebody sent us: kept for support, and done what it asks for."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from smsapp import metrics
from smsapp.delivery import stopping
from smsapp.extensions import database_now, db, settings
from smsapp.inbound import keywords
from smsapp.inbound.keywords import Keyword
from smsapp.models import Inbound, OptOutSource
from smsapp.phone import country, mask, phone_key
from smsapp.recipients import opt_out, phones

log = logging.getLogger(__name__)

# Twilio's limit for a text. What is longer was not sent by a phone.
MOST_CHARACTERS = 1600


_INSERT: Mapping[str, Any] = {
    name: dialect.insert(Inbound).on_conflict_do_nothing().returning(Inbound.sid)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


@dataclass(frozen=True, slots=True)
class Text:
    """A text as Twilio posts it."""

    sid: str
    e164: str
    body: str
    opt_out_type: str | None


def take(text: Text) -> bool:
    """Keep a text and do what it asks for, in one commit; return False where it came before.

    A START lifts every opt-out and grants nothing by itself.
    """
    key = phone_key(text.e164, settings().phone_key_bytes)
    keyword = keywords.read(text.body, text.opt_out_type)
    with db.engine.begin() as conn:
        phones.remember_and_lock(conn, {key: text.e164})
        now = database_now(conn)
        row = {
            "sid": text.sid,
            "phone_key": key,
            "body": text.body.replace("\x00", "")[:MOST_CHARACTERS],
            "keyword": keyword,
            "received_at": now,
        }
        is_new = bool(conn.execute(_INSERT[conn.dialect.name], row).all())
        if is_new and keyword is Keyword.STOP:
            stopping.stop_within(conn, key, OptOutSource.TEXT, now)
        if is_new and keyword is Keyword.START:
            opt_out.lift(conn, key, now, set(OptOutSource))
    metrics.count(metrics.INBOUND, keyword or "text", "new" if is_new else "repeated")
    log.info(
        "inbound text",
        extra={
            "message_sid": text.sid,
            "to": mask(text.e164),
            "country": country(text.e164),
            "phone_key": key,
            "kind": keyword or "text",
            "taken": "new" if is_new else "repeated",
        },
    )
    return is_new
