"""Texts that never reached us, found in Twilio's list and taken like any other.

Twilio posts a text once more after a failed connection and then never again. So that no STOP is
lost while we are down, workers go through the list of what came in: when one comes back, before
it sends anything, and every few minutes, for the web may be down while they are not.

Nobody is answered: Twilio itself has replied to STOP, START and HELP.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import bindparam, select, update

from smsapp.extensions import database_now, db, insert_into, reading, settings
from smsapp.inbound import keywords, messages
from smsapp.inbound.keywords import Keyword
from smsapp.inbound.messages import Missed, Text
from smsapp.models import Inbound, InboundList
from smsapp.phone import InvalidPhone, parse_e164
from smsapp.providers import sms
from smsapp.providers.messages import Listed, Refused, Unknown, Unwritten

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=5)
# A Messaging Service may have 400 numbers, each with a list of its own: on average one of them
# is asked for in this time.
PER_LIST = timedelta(seconds=10)
AFTER_NO_ANSWER = timedelta(minutes=1)
# Whoever looks has this long; then another may.
LOOKING = timedelta(minutes=10)
# Twilio's clock is not ours, and what has just come in may not be listed yet.
OVERLAP = timedelta(minutes=15)
# What is younger may still be posted: Twilio tries for 15 s, and its post says more.
POSTING = timedelta(minutes=1)
# How far back the very first look goes.
FIRST = timedelta(days=7)
MAX_SIDS = 500

_WHOSE = InboundList.sender == bindparam("of")
_LOOK_AT = select(InboundList.look_at).where(_WHOSE)
_BEGIN = (
    update(InboundList)
    .where(_WHOSE, InboundList.look_at <= bindparam("now"))
    .values(look_at=bindparam("next_look"))
    .returning(InboundList.complete_until)
)
_NEXT = update(InboundList).where(_WHOSE).values(look_at=bindparam("next_look"))
_COMPLETE = (
    update(InboundList)
    .where(_WHOSE, InboundList.complete_until < bindparam("until"))
    .values(complete_until=bindparam("until"))
)
_KNOWN = select(Inbound.sid, Inbound.keyword).where(
    Inbound.sid.in_(bindparam("sids", expanding=True))
)


Item = TypeVar("Item")


class NoList(Exception):
    """Twilio did not say what came in; `why` is a word of ours."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Look:
    """One going through the list: since when, and when it began, by the database's clock."""

    since: datetime
    began_at: datetime


def fetch(stopping: threading.Event | None = None) -> int | None:
    """Go through the list if it is time; return how many texts it found, None if it did not look.

    Of many workers one does it. `stopping` ends it early; another then goes on.
    """
    name = settings().sms_sender
    begun = _begin(name)
    if begun is None:
        return None
    try:
        senders = _senders()
        listed = _listed(senders, begun.since)
    except NoList as error:
        log.warning("cannot list the texts that came in", extra={"reason": error.why})
        _end(name, AFTER_NO_ANSWER)
        return None
    count = 0
    for text, missed in _missed(listed, begun):
        if stopping and stopping.is_set():
            _end(name, timedelta(0))
            return count
        count += messages.receive(text, missed)
    _end(name, max(EVERY, PER_LIST * len(senders)), begun.began_at)
    if count:
        log.warning("texts came in that were never posted to us", extra={"count": count})
    return count


def _begin(name: str) -> Look | None:
    """Take the look that is due; until LOOKING has passed nobody else does it."""
    with reading() as conn:
        look_at = conn.execute(_LOOK_AT, {"of": name}).scalar_one_or_none()
        if look_at and look_at > database_now(conn):
            return None
    with db.engine.begin() as conn:
        now = database_now(conn)
        row = {"sender": name, "complete_until": now - FIRST, "look_at": now}
        conn.execute(insert_into(conn, InboundList).on_conflict_do_nothing(), row)
        values = {"of": name, "now": now, "next_look": now + LOOKING}
        until = conn.execute(_BEGIN, values).scalar_one_or_none()
    return Look(until - OVERLAP, now) if until else None


def _end(name: str, wait: timedelta, complete_until: datetime | None = None) -> None:
    """Say when to look next; and, after a whole look, how far everything is known."""
    with db.engine.begin() as conn:
        conn.execute(_NEXT, {"of": name, "next_look": database_now(conn) + wait})
        if complete_until:
            conn.execute(_COMPLETE, {"of": name, "until": complete_until})


def _senders() -> list[str]:
    """Return the numbers of ours that people can text."""
    config = settings()
    if config.twilio_messaging_service_sid:
        return _got(sms.client().senders_of(config.twilio_messaging_service_sid))
    return [config.twilio_from_number or ""]


def _listed(senders: list[str], since: datetime) -> list[Listed]:
    """Return what came in at these numbers since then.

    All or nothing: without one of the lists nobody knows who said what last.
    """
    return [
        message
        for sender in senders
        for message in _got(sms.client().messages_with(sender, since))
        if not message.is_ours
    ]


def _got(answer: list[Item] | Refused | Unwritten | Unknown) -> list[Item]:
    if isinstance(answer, list):
        return answer
    raise NoList(f"http_{answer.http_status}" if isinstance(answer, Refused) else answer.reason)


def _missed(listed: list[Listed], begun: Look) -> list[tuple[Text, Missed]]:
    """Return those of the listed texts that we do not know, oldest first."""
    known = _known([message.sid for message in listed])
    last: dict[tuple[str | None, Keyword | None], datetime] = {}
    for message in listed:
        said = (message.sender, known.get(message.sid) or keywords.read(message.body, None))
        last[said] = max(message.created_at, last.get(said, message.created_at))
    found = []
    for message in sorted(listed, key=lambda message: message.created_at):
        is_young = message.created_at > begun.began_at - POSTING
        e164 = _e164(message.sender)
        if message.sid in known or is_young or e164 is None:
            continue
        missed = Missed(message.created_at, begun.began_at, _is_undone(message, last))
        found.append((Text(message.sid, e164, message.body, None), missed))
    return found


def _known(sids: list[str]) -> dict[str, Keyword | None]:
    """Return those of the texts that we know, with what they mean."""
    known = {}
    with reading() as conn:
        for start in range(0, len(sids), MAX_SIDS):
            for row in conn.execute(_KNOWN, {"sids": sids[start : start + MAX_SIDS]}):
                known[row.sid] = Keyword(row.keyword) if row.keyword else None
    return known


def _is_undone(message: Listed, last: dict[tuple[str | None, Keyword | None], datetime]) -> bool:
    """Whether the same person said the opposite later. Within a second nobody knows: STOP wins."""
    keyword = keywords.read(message.body, None)
    if keyword is Keyword.STOP:
        start = last.get((message.sender, Keyword.START))
        return start is not None and start > message.created_at
    if keyword is Keyword.START:
        stop = last.get((message.sender, Keyword.STOP))
        return stop is not None and stop >= message.created_at
    return False


def _e164(sender: str | None) -> str | None:
    """Return a person's number; None for a short code, or another channel's address."""
    try:
        return parse_e164(sender or "")
    except InvalidPhone:
        return None
