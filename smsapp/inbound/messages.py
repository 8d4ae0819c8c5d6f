"""A text that somebody sent us: it is kept for support, and what it asks for is done."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from smsapp import metrics
from smsapp.delivery import stopping
from smsapp.extensions import database_now, db, insert_into, settings
from smsapp.inbound import keywords, replies
from smsapp.inbound.keywords import Keyword
from smsapp.inbound.replies import Answered
from smsapp.models import Channel, Inbound, InboundMedia, OptOutSource, Phone
from smsapp.phone import country, mask, phone_key, reported
from smsapp.providers.media import Media
from smsapp.providers.whatsapp import PREFIX
from smsapp.recipients import opt_out, phones

log = logging.getLogger(__name__)

# Twilio's limit for a text; no phone sends more.
MAX_CHARACTERS = 1600
# Of a file's type, as the column holds it.
MAX_TYPE = 80


def _insert(conn: Connection) -> Any:
    """Return the INSERT of a text, which a second copy of it changes only to add a keyword.

    For Twilio's list does not say what Advanced Opt-Out took a text for. Its callback does, and may
    come after the text was found in the list.
    """
    insert = insert_into(conn, Inbound)
    meant = insert.excluded.keyword
    return insert.on_conflict_do_update(
        index_elements=["sid"],
        set_={"keyword": meant},
        where=and_(Inbound.keyword.is_(None), meant.is_not(None)),
    ).returning(Inbound.sid)


# Whose window for words of our own it opens: by whichever came last, however late we hear of it.
_WROTE = (
    update(Phone)
    .where(
        Phone.phone_key == bindparam("of"),
        or_(Phone.whatsapp_at.is_(None), Phone.whatsapp_at < bindparam("at")),
    )
    .values(whatsapp_at=bindparam("at"))
)
_OPPOSITE = {Keyword.STOP: Keyword.START, Keyword.START: Keyword.STOP}


@dataclass(frozen=True, slots=True)
class Text:
    """A text as Twilio posts it; `address` is its sender, which need not be a phone number."""

    sid: str
    address: str
    body: str
    opt_out_type: str | None
    account_sid: str | None = None  # the account it came to; None for one found in our own list
    pressed: str | None = None  # what the button stands for that they pressed, in any language
    media: tuple[Media, ...] = ()  # files that came along, which stay where they are

    @property
    def meant(self) -> str:
        """Return the words that say what it asks for."""
        return self.pressed or self.body


@dataclass(frozen=True, slots=True)
class Missed:
    """What is known of a text that Twilio never posted to us but has in its list.

    Attributes:
        sent_at: When it came in at Twilio, by Twilio's clock.
        listed_at: When we began to ask for the list, by the database's clock.
        is_undone: Whether the list has a later text from the same number that says the opposite.
    """

    sent_at: datetime
    listed_at: datetime
    is_undone: bool


def receive(text: Text, missed: Missed | None = None) -> bool:
    """Keep a text and do what it asks for, in one commit; return whether it is new.

    So is one whose sender has no phone number, for support to see. A START lifts every opt-out but
    is no consent. A missed text does now what it would have done when it was sent, unless something
    that came later says otherwise.
    """
    if text.account_sid not in {None, settings().twilio_account_sid}:
        log.warning("text to another account", extra={"message_sid": text.sid})
        return False
    number = reported(text.address)
    key = phone_key(number or text.address, settings().phone_key_bytes)
    channel = Channel.WHATSAPP if text.address.startswith(PREFIX) else Channel.SMS
    keyword = keywords.read(text.meant, text.opt_out_type)
    with db.engine.begin() as conn:
        phones.remember_and_lock(conn, {key: number})
        now = database_now(conn)
        sent_at = missed.sent_at if missed else now
        row = {
            "sid": text.sid,
            "phone_key": key,
            "body": _body(conn, key, text, missed),
            "channel": channel,
            "keyword": keyword,
            "received_at": sent_at,
        }
        is_new = bool(conn.execute(_insert(conn), row).all())
        if is_new and text.media and not _before_erasure(conn, key, missed):
            _keep_media(conn, text, now)
        if channel is Channel.WHATSAPP:
            conn.execute(_WROTE, {"of": key, "at": row["received_at"]})
        if is_new and not (missed and _is_undone(conn, key, keyword, missed)):
            _apply(conn, key, keyword, now, missed)
        did = None
        if is_new and number:
            said = Answered(text.sid, key, number, text.meant, sent_at, bool(missed), channel)
            if keyword is None:
                did = replies.answer(conn, said, now)
            elif keyword is Keyword.HELP and channel is Channel.WHATSAPP and not missed:
                replies.help_on_whatsapp(conn, said)
    effect = (did or ("missed" if missed else "new")) if is_new else "repeated"
    metrics.count(metrics.INBOUND, keyword or "text", effect)
    log.info(
        "inbound text",
        extra={
            "message_sid": text.sid,
            "to": number and mask(number),
            "country": number and country(number),
            "phone_key": key,
            "kind": keyword or "text",
            "effect": effect,
        },
    )
    return is_new


def _apply(
    conn: Connection, key: str, keyword: Keyword | None, now: datetime, missed: Missed | None
) -> None:
    if keyword is Keyword.STOP:
        stopping.stop_within(conn, key, OptOutSource.TEXT, now)
    if keyword is Keyword.START and missed is None:
        opt_out.lift(conn, key, now, set(OptOutSource))
    elif keyword is Keyword.START and missed:
        # An opt-out by text that is in force came before this START, which a later STOP would have
        # undone. Of the other opt-outs, those that were made later stay.
        opt_out.lift(conn, key, now, {OptOutSource.TEXT})
        opt_out.lift(conn, key, now, set(OptOutSource), made_before=missed.sent_at)


def _is_undone(conn: Connection, key: str, keyword: Keyword | None, missed: Missed) -> bool:
    """Whether a later text says the opposite, in the list or posted to us since we asked for that.

    Of texts posted before, the list alone tells the order: a START that was sent before a STOP may
    have been posted after it.
    """
    opposite = keyword and _OPPOSITE.get(keyword)
    if opposite is None or missed.is_undone:
        return missed.is_undone
    since = select(Inbound.sid).where(
        Inbound.phone_key == key,
        Inbound.keyword == opposite,
        Inbound.received_at >= missed.listed_at,
    )
    return conn.execute(since.limit(1)).one_or_none() is not None


def _body(conn: Connection, key: str, text: Text, missed: Missed | None) -> str:
    """Return the words to keep: none if the text was sent before its sender was erased."""
    if _before_erasure(conn, key, missed):
        return ""
    return text.body.replace("\x00", "")[:MAX_CHARACTERS]


def _before_erasure(conn: Connection, key: str, missed: Missed | None) -> bool:
    """Whether a text was sent before its sender was erased."""
    if missed is None:
        return False
    erased = conn.execute(select(Phone.erased_at).where(Phone.phone_key == key)).scalar_one()
    return erased is not None and missed.sent_at <= erased


def _keep_media(conn: Connection, text: Text, now: datetime) -> None:
    """Write down which files came along: where they are fetched from, and nothing of them."""
    rows = [
        {
            "sid": each.sid,
            "inbound_sid": text.sid,
            "content_type": each.content_type[:MAX_TYPE],
            "ask_at": now,
        }
        for each in text.media
    ]
    conn.execute(insert_into(conn, InboundMedia).on_conflict_do_nothing(), rows)
