"""Merging numbers that are one person's, spelled in two ways.

Before each number had one spelling, +4407700900123 got a key of its own beside +447700900123's.
What stands under such a key moves to the number's own. The consent ledger cannot move, for the
database keeps it from being changed: its rows are written once more at the end of the other chain,
each with the time when it was said, and the old chain stays and can be verified as before.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Connection, Row, String, bindparam, cast, delete, select, update

from smsapp.extensions import database_now, db, insert_into, reading, settings
from smsapp.models import (
    BatchRow,
    Call,
    ConsentAction,
    ConsentEvidence,
    ConsentSource,
    Delivery,
    DeliveryState,
    Inbound,
    OnCallPerson,
    OptOut,
    OptOutSource,
    Phone,
    Verification,
    Webhook,
    Wording,
)
from smsapp.phone import InvalidPhone, country, other_spellings, parse_e164, phone_key
from smsapp.recipients import consent, mail, opt_out, phones
from smsapp.recipients.consent import Entry
from smsapp.recipients.customers import Visitor
from smsapp.recipients.purposes import Words

log = logging.getLogger(__name__)

# Erases a person within a transaction that is alone with the number (retention/erasure.py).
Erase = Callable[[Connection, Visitor, ConsentSource, datetime], None]

# How many numbers are read at a time; each may have been spelled in a few ways.
BATCH = 1_000

_PAGE = (
    select(Phone.phone_key, Phone.e164)
    # What test keys wrote to has no key of a number's own.
    .where(Phone.e164.is_not(None), ~Phone.is_test, Phone.phone_key > bindparam("last"))
    .order_by(Phone.phone_key)
    .limit(BATCH)
)
_NUMBERLESS = select(Phone.phone_key).where(
    Phone.phone_key.in_(bindparam("phone_keys", expanding=True)),
    Phone.e164.is_(None),
    Phone.merged_into.is_(None),
)
# Everyone who moves several deliveries locks them in this order.
_DELIVERIES = (
    select(Delivery.state)
    .where(Delivery.phone_key == bindparam("phone_key"))
    .order_by(Delivery.id)
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class Misspelt:
    """A phone key that is of another spelling of a number; `e164` and `into` are the right ones."""

    phone_key: str
    e164: str
    into: str


def misspelt(pages: int | None = None) -> Iterator[Misspelt | None]:
    """Go through all numbers; yield what is to be merged, and None for what nobody can tell.

    With `pages` only through so many BATCHes of numbers.

    Of a number that was forgotten, or whose person was erased, the key alone is left: it is found
    where the right spelling is known.
    """
    secret, last = settings().phone_key_bytes, ""
    for _ in count() if pages is None else range(pages):
        with reading() as conn:
            rows = conn.execute(_PAGE, {"last": last}).all()
            if not rows:
                return
            last = rows[-1].phone_key
            others: dict[str, str] = {}
            found: list[Misspelt | None] = []
            for row in rows:
                try:
                    e164 = parse_e164(row.e164)
                except InvalidPhone:
                    found.append(None)
                    continue
                if e164 != row.e164:
                    found.append(Misspelt(row.phone_key, e164, phone_key(e164, secret)))
                others |= {phone_key(other, secret): e164 for other in other_spellings(e164)}
            for key in conn.scalars(_NUMBERLESS, {"phone_keys": list(others)}):
                found.append(Misspelt(key, others[key], phone_key(others[key], secret)))
        yield from found


def merge(found: Misspelt, erase: Erase) -> bool:
    """Move all that stands under a misspelt number's key, in one commit.

    Whoever was erased is erased again, by `erase`: what has come under their key was of the other
    spelling. In the same commit, for what was merged is not found a second time.

    Return False where a text to it is being sent at this moment: it is to be merged later.
    """
    with db.engine.begin() as conn:
        there = phones.lock(conn, [found.phone_key, found.into])
        old = _phone(conn, found.phone_key)
        if old.merged_into or (old.e164 is None and found.into not in there):
            return True  # merged, or erased, a moment ago
        if DeliveryState.SENDING in conn.scalars(_DELIVERIES, {"phone_key": found.phone_key}):
            return False
        now = database_now(conn)
        _merge_phones(conn, old, found, now)
        _merge_opt_outs(conn, found, now)
        for table in (BatchRow, Call, Delivery, Inbound, OnCallPerson, Verification):
            theirs = update(table).where(table.phone_key == found.phone_key)
            conn.execute(theirs.values(phone_key=found.into))
        _join_ledgers(conn, found, now)
        if phones.number_of(conn, found.into) is None:
            erase(conn, Visitor(found.into, verify_sid=None), ConsentSource.OPERATOR, now)
    log.info("numbers merged", extra={"phone_key": found.into, "country": country(found.e164)})
    return True


def _phone(conn: Connection, phone_key: str) -> Row[Any]:
    return conn.execute(select(Phone.__table__).where(Phone.phone_key == phone_key)).one()


def _merge_phones(conn: Connection, old: Row[Any], found: Misspelt, now: datetime) -> None:
    """Let one row have the number, and what was remembered of both; sessions of both end.

    Whoever was erased under either spelling was erased; the number stays only where its person has
    proved it again since.
    """
    merged = update(Phone).where(Phone.phone_key == found.phone_key)
    conn.execute(merged.values(mail.NONE | {"e164": None, "merged_into": found.into}))
    row = {
        "phone_key": found.into,
        "e164": found.e164,
        "country": country(found.e164),
        "created_at": old.created_at,
        "used_at": old.used_at,
    }
    conn.execute(insert_into(conn, Phone).on_conflict_do_nothing(), row)
    new = _phone(conn, found.into)
    erased_at, verified_at = (
        max((at for at in (getattr(old, name), getattr(new, name)) if at), default=None)
        for name in ("erased_at", "verified_at")
    )
    is_gone = erased_at and new.erased_at and not (verified_at and verified_at > erased_at)
    conn.execute(
        update(Phone)
        .where(Phone.phone_key == found.into)
        .values(
            e164=None if is_gone else found.e164,
            forgotten_at=None,
            created_at=min(old.created_at, new.created_at),
            used_at=max(old.used_at, new.used_at),
            verified_at=verified_at,
            erased_at=erased_at,
            sessions_since=now,
            **_address(old, new),
        )
    )


def _address(old: Row[Any], new: Row[Any]) -> dict[str, Any]:
    """Return the address that stands from now on: their own, else that which came last."""
    known = [row for row in (old, new) if row.email]
    best = max(known, key=lambda row: (row.email_is_own, row.email_at), default=new)
    return {name: getattr(best, name) for name in mail.NONE}


def _merge_opt_outs(conn: Connection, found: Misspelt, now: datetime) -> None:
    """Give the number all opt-outs; of two in force the one that is harder to lift stays so."""
    in_force = {
        row.phone_key: row.source
        for row in conn.execute(
            select(OptOut.phone_key, OptOut.source).where(
                OptOut.phone_key.in_([found.phone_key, found.into]), OptOut.lifted_at.is_(None)
            )
        )
    }
    if len(in_force) == 2:
        is_weak = in_force[found.into] in opt_out.LIFTED_BY_PAGE
        ends = found.into if is_weak else found.phone_key
        opt_out.lift(conn, ends, now, set(OptOutSource))
        # They are as opted out as before, so callers are not told that they opted in.
        lifted = select(cast(OptOut.id, String)).where(
            OptOut.phone_key == ends, OptOut.lifted_at == now
        )
        untrue = (Webhook.type == "recipient.opted_in", Webhook.record.in_(lifted))
        conn.execute(delete(Webhook).where(*untrue))
    theirs = update(OptOut).where(OptOut.phone_key == found.phone_key)
    conn.execute(theirs.values(phone_key=found.into))


def _join_ledgers(conn: Connection, found: Misspelt, now: datetime) -> None:
    """Write one ledger's rows, and where needed what holds now, at the end of the other's."""
    ledgers = consent.rows_of(conn, [found.phone_key, found.into])
    old, new = ledgers[found.phone_key], ledgers[found.into]
    words = {row.hash: row.text for row in conn.execute(select(Wording.hash, Wording.text))}
    evidence = {
        (row.phone_key, row.seq): row
        for row in conn.execute(
            select(ConsentEvidence.__table__).where(ConsentEvidence.phone_key == found.phone_key)
        )
    }
    last = [{row.purpose: row for row in rows} for rows in (old, new)]
    again = [
        last[1][purpose]
        for purpose in last[0].keys() & last[1].keys()
        if last_word(last[0][purpose], last[1][purpose]) is last[1][purpose]
    ]
    entries = []
    for row in [*old, *sorted(again, key=lambda row: row.seq)]:
        whence = evidence.get((row.phone_key, row.seq))
        entry = Entry(
            row.purpose,
            row.action,
            row.source,
            Words(row.wording_version, words[row.wording_hash]),
            since=row.since,
            verify_sid=row.verify_sid,
            address=whence.address if whence else None,
            user_agent=whence.user_agent if whence else None,
        )
        entries.append((found.into, entry))
    consent.append(conn, settings().ledger_key, entries, {found.into: new}, now)
    conn.execute(delete(ConsentEvidence).where(ConsentEvidence.phone_key == found.phone_key))


def last_word(one: Row[Any], other: Row[Any]) -> Row[Any]:
    """Return which of two ledgers' last rows for a purpose holds for the person.

    The later one; but a service's word does not beat a no, however late it is.
    """
    later, earlier = (one, other) if one.since >= other.since else (other, one)
    is_own = later.source is not ConsentSource.API
    beaten = earlier.action is ConsentAction.WITHDRAWN and not is_own
    return earlier if beaten else later
