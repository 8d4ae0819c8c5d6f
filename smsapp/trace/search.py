"""Find what somebody pasted: a SID, an id, a subject, a phone number, with noise around it.

Every question but one is answered by an index, however many deliveries there are.
"""

import re
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote

import phonenumbers
from sqlalchemy import Connection, func, select, tuple_

from smsapp import logs, typed
from smsapp.extensions import reading, settings
from smsapp.models import Attempt, Call, Delivery, Inbound, Phone, Verification
from smsapp.phone import InvalidPhone, country, key_for_tests, parse_e164, phone_key
from smsapp.trace import listing

Value = TypeVar("Value")

# Longer than any log line that is worth pasting.
MAX_CHARACTERS = 1000
# What is looked up of one paste.
MAX_WORDS = 12
# Among how many of the newest deliveries one is looked for by what is logged of its event id.
LOGGED_AMONG = 100_000

_MESSAGE = re.compile(r"(?<![0-9a-z])(SM|MM|EM|CA|RE)([0-9a-f]{32})(?![0-9a-z])", re.IGNORECASE)
_VERIFICATION = re.compile(r"(?<![0-9a-z])VE([0-9a-f]{32})(?![0-9a-z])", re.IGNORECASE)
_UUID = re.compile(
    r"(?<![0-9a-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z])",
    re.IGNORECASE,
)
# A mail's Message-ID, whose beginning is its delivery's id.
_MESSAGE_ID = re.compile(r"(?<![0-9a-z])([0-9a-f]{32})@", re.IGNORECASE)
_PHONE_KEY = re.compile(r"(?<![0-9a-z])[0-9a-f]{64}(?![0-9a-z])", re.IGNORECASE)

_BETWEEN = r"[\s().\-/\u2010-\u2015\u2011\u00a0]"
_NUMBER = re.compile(rf"(?<![\w*•])(?:\+{_BETWEEN}*)?\(?\d(?:{_BETWEEN}{{0,3}}\d){{5,16}}(?![\w*])")
_LIKE_A_NUMBER = re.compile(rf"[+\d]?(?:{_BETWEEN}|\d)+")
_WRAPPING = " \t\r\n\"'`“”„‘’«»()[]{}<>,;:.!?"
_SPACE = re.compile(r"[\s\"'`“”„‘’«»=:,;?&()\[\]{}<>]+")


@dataclass(frozen=True, slots=True)
class Found:
    """What a paste leads to.

    Attributes:
        deliveries: Ids of deliveries that it names by a SID, an id or an event id.
        subjects: One delivery, the newest, of each order or the like with several that it names.
        phone_keys: Numbers that it names and we know.
    """

    deliveries: tuple[uuid.UUID, ...] = ()
    subjects: tuple[uuid.UUID, ...] = ()
    phone_keys: tuple[str, ...] = ()


def find(text: str, kinds: Collection[str]) -> Found:
    """Return what a paste names.

    What can be nothing else, such as a SID, goes before what only may be an order or a number.

    Args:
        text: As pasted.
        kinds: Which kinds of event there are: an event id is unique per kind.
    """
    text = unquote(text[:MAX_CHARACTERS]).replace("\0", " ")
    seen = typed.clean(text)
    with reading() as conn:
        named = _by_identifier(conn, seen)
        if named.deliveries or named.phone_keys:
            return named
        # All of it as pasted, too: an event id may hold whatever a service put into it.
        words = [word for word in _unique([*_words(seen), text.strip()]) if word]
        of_events = [*_by_event(conn, words, kinds), *_by_logged_event(conn, text)]
        single, subjects = _by_subject(conn, words)
        numbers = _known(conn, _keys_of_numbers(seen))
        return Found(_unique([*of_events, *single]), subjects, numbers)


def choices(found: Found) -> dict[str, Sequence[Any]]:
    """Return what there is to choose from where a paste names several things, as rows."""
    phones = select(Phone.phone_key, Phone.e164, Phone.country, Phone.is_test)
    with reading() as conn:
        return {
            "deliveries": listing.of_ids(conn, found.deliveries),
            "subjects": listing.of_ids(conn, found.subjects),
            "phones": conn.execute(phones.where(Phone.phone_key.in_(found.phone_keys))).all(),
        }


def _by_identifier(conn: Connection, text: str) -> Found:
    sids = [f"{kind.upper()}{rest.lower()}" for kind, rest in _MESSAGE.findall(text)][:MAX_WORDS]
    verifications = [f"VE{rest.lower()}" for rest in _VERIFICATION.findall(text)][:MAX_WORDS]
    written = [*_UUID.findall(text), *_MESSAGE_ID.findall(text)]
    ids = [uuid.UUID(found) for found in written][:MAX_WORDS]
    keys = [found.lower() for found in _PHONE_KEY.findall(text)][:MAX_WORDS]
    deliveries: list[uuid.UUID] = []
    if sids:
        deliveries += conn.scalars(select(Attempt.delivery_id).where(Attempt.sid.in_(sids)))
        keys += conn.scalars(select(Inbound.phone_key).where(Inbound.sid.in_(sids)))
        keys += conn.scalars(select(Call.phone_key).where(Call.sid.in_(sids)))
    if ids:
        deliveries += conn.scalars(select(Delivery.id).where(Delivery.id.in_(ids)))
        deliveries += conn.scalars(select(Attempt.delivery_id).where(Attempt.id.in_(ids)))
    if verifications:
        found = Verification.verify_sid.in_(verifications)
        keys += conn.scalars(select(Verification.phone_key).where(found))
    if deliveries:  # a log line names the number of its delivery too
        return Found(deliveries=_unique(deliveries))
    return Found(phone_keys=_known(conn, keys))


def _by_event(conn: Connection, words: list[str], kinds: Collection[str]) -> tuple[uuid.UUID, ...]:
    events = [(kind, word) for kind in kinds for word in words]
    if not events:
        return ()
    wanted = tuple_(Delivery.kind, Delivery.event_id).in_(events)
    return tuple(conn.scalars(select(Delivery.id).where(wanted)))


def _by_logged_event(conn: Connection, text: str) -> Iterator[uuid.UUID]:
    """Yield the newest deliveries whose event ids stand in logs as they are pasted.

    What is logged is stored nowhere, for nothing would be asked for more seldom: it is made of each
    event id again, some microseconds each.
    """
    wanted = set(logs.LOGGED_EVENT_ID.findall(text))
    if not wanted:
        return
    newest = select(Delivery.id, Delivery.event_id).order_by(Delivery.id.desc())
    for rows in conn.execute(newest.limit(LOGGED_AMONG)).partitions(1000):
        yield from (row.id for row in rows if logs.logged_event_id(row.event_id) in wanted)
        time.sleep(0)  # others are answered meanwhile


def _by_subject(
    conn: Connection, words: list[str]
) -> tuple[list[uuid.UUID], tuple[uuid.UUID, ...]]:
    """Return deliveries that are the only one about their subject, and the newest of the others."""
    single: list[uuid.UUID] = []
    newest: list[uuid.UUID] = []
    for word in words:
        query = listing.of_subject_query(word, None).with_only_columns(Delivery.id)
        found = conn.scalars(query.limit(2)).all()
        (newest if len(found) > 1 else single).extend(found[:1])
    return single, _unique(newest)


def _known(conn: Connection, keys: Iterable[str]) -> tuple[str, ...]:
    wanted = _unique(keys)
    if not wanted:
        return ()
    now = func.coalesce(Phone.merged_into, Phone.phone_key).label("now")
    rows = conn.execute(select(Phone.phone_key, now).where(Phone.phone_key.in_(wanted)))
    known = {row.phone_key: row.now for row in rows}
    return _unique(known[key] for key in wanted if key in known)


def _words(text: str) -> Iterator[str]:
    """Yield what may be an event id or a subject: all of it, and each word of it.

    The groups of a phone number are no words: 555 is somebody's order.
    """
    whole = text.strip()
    candidates = [whole, whole.strip(_WRAPPING), whole.strip(_WRAPPING).lstrip("#")]
    if _LIKE_A_NUMBER.fullmatch(whole):
        candidates.append(re.sub(r"\D", "", whole))
    else:
        rest = _NUMBER.sub(lambda run: " " if _has_gaps(run.group()) else run.group(), text)
        for word in _SPACE.split(rest):
            candidates += [word, word.strip(_WRAPPING).lstrip("#")]
    yield from [word for word in _unique(candidates) if 0 < len(word) <= 120][:MAX_WORDS]


def _has_gaps(run: str) -> bool:
    return run.startswith("+") or bool(re.search(r"[\s()]", run))


def _keys_of_numbers(text: str) -> Iterator[str]:
    config = settings()
    region = country(config.twilio_from_number) if config.twilio_from_number else None
    for run in _NUMBER.findall(text)[:MAX_WORDS]:
        for e164 in _readings(run, region):
            yield phone_key(e164, config.phone_key_bytes)
            yield key_for_tests(e164, config.phone_key_bytes)


def _readings(run: str, region: str | None) -> Iterator[str]:
    """Yield the numbers that a run of digits may be: international, or of our sender's country."""
    digits = re.sub(r"\D", "", run)
    readings = [f"+{digits.removeprefix('00')}"]
    if region and "+" not in run:
        try:
            national = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            pass
        else:
            form = phonenumbers.PhoneNumberFormat.E164
            readings.append(phonenumbers.format_number(national, form))
    for reading_ in readings:
        try:
            yield parse_e164(reading_)
        except InvalidPhone:
            continue


def _unique(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(values))
