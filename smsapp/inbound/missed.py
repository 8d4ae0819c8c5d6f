"""Missed texts: those that Twilio could not post to us, found in its list.

After a failed connection Twilio posts a text once more and then never again. So that no STOP is
lost, a worker goes through Twilio's list of what came in every few minutes, for the web may be down
while workers are not. One that starts does that first, if it is due, before it sends anything.

A missed text does what any other does, but nobody is answered: Twilio itself has replied to STOP,
START and HELP.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import bindparam, select, update

from smsapp.delivery.channels import CHANNELS, configured
from smsapp.extensions import database_now, db, insert_into, reading, settings
from smsapp.inbound import keywords, messages
from smsapp.inbound.keywords import Keyword
from smsapp.inbound.messages import Missed, Text
from smsapp.models import Channel, Inbound, InboundList
from smsapp.phone import reported
from smsapp.providers import media, sms
from smsapp.providers.media import Media
from smsapp.providers.messages import Listed
from smsapp.providers.outcomes import Failure, Refused

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=5)
# A Messaging Service may have 400 numbers, each with a list of its own. On average no more than one
# list is asked for in this time.
PER_LIST = timedelta(seconds=10)
AFTER_NO_ANSWER = timedelta(minutes=1)
# Whoever claims the lists has this long to go through them; then another may claim them.
CLAIMED_FOR = timedelta(minutes=10)
# How far each look goes back before the last one: Twilio's clock is not ours, and a text that has
# just come in may not be listed yet.
OVERLAP = timedelta(minutes=15)
# A younger text is left alone: Twilio tries to post it for 15 s, and its post says more.
POSTING = timedelta(minutes=1)
# How far back the very first look goes.
FIRST = timedelta(days=7)
MAX_SIDS = 500

_KNOWN = select(Inbound.sid, Inbound.keyword).where(
    Inbound.sid.in_(bindparam("sids", expanding=True))
)


Item = TypeVar("Item")


class NoList(Exception):
    """Twilio did not answer with a list; the text is one word for the log."""


@dataclass(frozen=True, slots=True)
class Look:
    """One pass through the list of what came in since a time; both times are the database's."""

    since: datetime
    began_at: datetime


def fetch(stopping: threading.Event | None = None) -> int | None:
    """Go through the list if that is due; return how many missed texts it had.

    Of many workers one does it, and the others return None. If `stopping` is set it ends early, and
    another worker goes through the list again.
    """
    name = settings().sms_sender
    look = _claim_look(name)
    if look is None:
        return None
    try:
        senders = _senders()
        listed = _listed(senders, look.since)
    except NoList as error:
        log.warning("cannot list the texts that came in", extra={"reason": str(error)})
        _set_next_look(name, AFTER_NO_ANSWER)
        return None
    count = 0
    for text, missed in _missed(listed, look):
        if stopping and stopping.is_set():
            _set_next_look(name, timedelta(0))
            return count
        count += messages.receive(text, missed)
    _set_next_look(name, max(EVERY, PER_LIST * len(senders)), look.began_at)
    if count:
        log.warning("texts came in that were never posted to us", extra={"count": count})
    return count


def _claim_look(name: str) -> Look | None:
    """Claim the look that is due, for CLAIMED_FOR; return None where none is, or another has it."""
    with reading() as conn:
        look_at = conn.scalar(select(InboundList.look_at).where(InboundList.sender == name))
        if look_at and look_at > database_now(conn):
            return None
    with db.engine.begin() as conn:
        now = database_now(conn)
        row = {"sender": name, "complete_until": now - FIRST, "look_at": now}
        conn.execute(insert_into(conn, InboundList).on_conflict_do_nothing(), row)
        until = conn.scalar(
            update(InboundList)
            .where(InboundList.sender == name, InboundList.look_at <= now)
            .values(look_at=now + CLAIMED_FOR)
            .returning(InboundList.complete_until)
        )
    return Look(until - OVERLAP, now) if until else None


def _set_next_look(name: str, wait: timedelta, complete_until: datetime | None = None) -> None:
    """Set when to look next and, after a complete look, until when all texts are known."""
    ours = update(InboundList).where(InboundList.sender == name)
    with db.engine.begin() as conn:
        conn.execute(ours.values(look_at=database_now(conn) + wait))
        if complete_until:
            is_news = InboundList.complete_until < complete_until
            conn.execute(ours.where(is_news).values(complete_until=complete_until))


def _senders() -> list[str]:
    """Return our numbers that people can text."""
    config = settings()
    whatsapp = [CHANNELS[Channel.WHATSAPP].sender] if Channel.WHATSAPP in configured() else []
    if config.twilio_messaging_service_sid:
        return _got(sms.client().senders_of(config.twilio_messaging_service_sid)) + whatsapp
    return [config.twilio_from_number or "", *whatsapp]


def _listed(senders: list[str], since: datetime) -> list[Listed]:
    """Return what came in at these numbers since then.

    Either all the lists or none: with one missing, nobody knows what a customer said last.
    """
    return [
        message
        for sender in senders
        for message in _got(sms.client().messages_with(sender, since))
        if not message.is_ours
    ]


def _got(answer: list[Item] | Failure) -> list[Item]:
    if isinstance(answer, list):
        return answer
    raise NoList(f"http_{answer.http_status}" if isinstance(answer, Refused) else answer.reason)


def _missed(listed: list[Listed], look: Look) -> list[tuple[Text, Missed]]:
    """Return those of the listed texts that we do not have, oldest first."""
    known = _known([message.sid for message in listed])
    last: dict[tuple[str, Keyword | None], datetime] = {}
    for message in listed:
        said = (_person(message), known.get(message.sid) or keywords.read(message.body, None))
        last[said] = max(message.created_at, last.get(said, message.created_at))
    found = []
    for message in sorted(listed, key=lambda message: message.created_at):
        is_young = message.created_at > look.began_at - POSTING
        if message.sid in known or is_young:
            continue
        missed = Missed(message.created_at, look.began_at, _is_undone(message, last))
        files, words = _media_of(message)
        body = "\n".join(filter(None, (message.body, words)))
        found.append((Text(message.sid, message.sender or "", body, None, media=files), missed))
    return found


def _media_of(message: Listed) -> tuple[tuple[Media, ...], str]:
    """Return a text's files, and what is to be said of those that Twilio does not tell us.

    A STOP in the same list must not wait for them.
    """
    if not message.media:
        return (), ""
    files = media.of_message(message.sid)
    if isinstance(files, list):
        return tuple(files), ""
    log.warning("cannot list the files of a text", extra={"message_sid": message.sid})
    return (), f"[Attached: {'a file' if message.media == 1 else f'{message.media} files'}]"


def _known(sids: list[str]) -> dict[str, Keyword | None]:
    """Return which of these texts we have, each with its keyword."""
    known = {}
    with reading() as conn:
        for start in range(0, len(sids), MAX_SIDS):
            for row in conn.execute(_KNOWN, {"sids": sids[start : start + MAX_SIDS]}):
                known[row.sid] = Keyword(row.keyword) if row.keyword else None
    return known


def _is_undone(message: Listed, last: dict[tuple[str, Keyword | None], datetime]) -> bool:
    """Whether the same person said the opposite later; of two in the same second STOP wins."""
    keyword = keywords.read(message.body, None)
    if keyword is Keyword.STOP:
        start = last.get((_person(message), Keyword.START))
        return start is not None and start > message.created_at
    if keyword is Keyword.START:
        stop = last.get((_person(message), Keyword.STOP))
        return stop is not None and stop >= message.created_at
    return False


def _person(message: Listed) -> str:
    """Return who sent a text: a number, over whatever channel and however Twilio spells it."""
    sender = message.sender or ""
    return reported(sender) or sender
