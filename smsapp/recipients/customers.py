"""What a verified customer agreed to and changes, and when their sessions have ended."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from smsapp.extensions import database_now, db, reading, settings
from smsapp.languages import ENGLISH, Language
from smsapp.models import ConsentAction, ConsentSource, OptOut, OptOutSource, Phone, Wording
from smsapp.recipients import consent, opt_out, phones, verification
from smsapp.recipients.asker import Asker
from smsapp.recipients.consent import Entry
from smsapp.recipients.purposes import EMAIL, ON_CALL, PURPOSES, Purpose, purpose, shown
from smsapp.recipients.verification import Verdict


@dataclass(frozen=True, slots=True)
class Visitor:
    """A verified customer as a request shows them; address and user agent are evidence.

    `language`: that of the words they have before them.
    """

    phone_key: str
    verify_sid: str | None
    address: str | None = None
    user_agent: str | None = None
    language: Language = ENGLISH


@dataclass(frozen=True, slots=True)
class Preference:
    """How one purpose stands: the words agreed to, or those to agree to."""

    purpose: Purpose
    granted: bool
    since: datetime | None
    words: str
    source: ConsentSource | None


@dataclass(frozen=True, slots=True)
class Preferences:
    """A customer's whole page. `opted_out` is the opt-out in force, with its source and time."""

    e164: str
    preferences: list[Preference]
    opted_out: tuple[OptOutSource, datetime] | None


def sign_up(
    visitor: Visitor, e164: str, code: str, purposes: Collection[str] | None, asker: Asker
) -> tuple[Verdict, list[str]]:
    """Check a visitor's code; once approved, the number is verified and the purposes are granted.

    What is left out is refused, in the same commit: no consentAt of a service's counts from then
    on. What the customer has agreed to here before stays; and where they choose nothing at all,
    because they only want to look, so does what a service wrote down. Who was not asked (None)
    has said nothing.

    Return the verdict, and the purposes that they had not agreed to before.

    Raises:
        SmsappError: As verification.check does.
    """
    new: list[str] = []

    def write(conn: Connection, now: datetime, verify_sid: str) -> None:
        if purposes is not None:
            approved = replace(visitor, verify_sid=verify_sid)
            new.extend(_sign_up(conn, approved, purposes, now))

    return verification.check(e164, code, asker, also=write), new


def _sign_up(
    conn: Connection, visitor: Visitor, purposes: Collection[str], now: datetime
) -> list[str]:
    latest = {
        row.purpose: row for row in consent.rows_of(conn, [visitor.phone_key])[visitor.phone_key]
    }
    refused = [
        name
        for name in (purpose.name for purpose in shown(visitor.language))
        if name not in purposes
        and (name not in latest or (purposes and latest[name].source is ConsentSource.API))
    ]
    _write(conn, visitor, refused, ConsentAction.WITHDRAWN, now)
    return _write(conn, visitor, purposes, ConsentAction.GRANTED, now)


def agree(visitor: Visitor, purposes: Iterable[str]) -> None:
    """Write grants for these purposes, in one commit, and take back an opt-out of this page's.

    Agreeing again to what is agreed changes nothing.
    """
    _commit(visitor, purposes, ConsentAction.GRANTED)


def withdraw(visitor: Visitor, purposes: Iterable[str]) -> None:
    """Write withdrawals for these purposes, in one commit."""
    _commit(visitor, purposes, ConsentAction.WITHDRAWN)


def preferences(phone_key: str, language: Language) -> Preferences | None:
    """Return how a customer's purposes stand, in a language; None for a number that was erased."""
    with reading() as conn:
        phone = conn.execute(select(Phone.__table__).where(Phone.phone_key == phone_key)).one()
        rows = consent.rows_of(conn, [phone_key])[phone_key]
        words = {row.hash: row.text for row in conn.execute(select(Wording.hash, Wording.text))}
        out = conn.execute(
            select(OptOut.source, OptOut.created_at).where(
                OptOut.phone_key == phone_key, OptOut.lifted_at.is_(None)
            )
        ).one_or_none()
    if phone.e164 is None:
        return None
    latest = {row.purpose: row for row in rows}
    found = []
    for each in (purpose(name, language) for name in PURPOSES):
        row = latest.get(each.name)
        granted = row is not None and row.action is ConsentAction.GRANTED
        text = words[row.wording_hash] if row and granted else each.words.text
        since, source = (row.since, row.source) if row else (None, None)
        # What the shop no longer asks for can still be turned off.
        if each.shown or granted:
            found.append(Preference(each, granted, since, text, source))
    return Preferences(phone.e164, found, (out.source, out.created_at) if out else None)


def number_in_session(phone_key: str, began: datetime) -> str | None:
    """Return the number of a session that began then, E.164; None where it has ended."""
    with reading() as conn:
        row = conn.execute(
            select(Phone.e164, Phone.sessions_since).where(Phone.phone_key == phone_key)
        ).one_or_none()
    if row is None or (row.sessions_since is not None and began <= row.sessions_since):
        return None
    e164: str | None = row.e164
    return e164


def end_sessions(phone_key: str) -> None:
    """End a customer's sessions, here and in every other browser."""
    with db.engine.begin() as conn:
        phones.lock(conn, [phone_key])
        now = database_now(conn)
        conn.execute(update(Phone).where(Phone.phone_key == phone_key).values(sessions_since=now))


def withdraw_all(conn: Connection, visitor: Visitor, source: ConsentSource, now: datetime) -> None:
    """Append withdrawals for every purpose, without evidence, in a transaction like `_write`'s.

    And for e-mail and for being paged, where the ledger says anything of it.
    """
    nobody = Visitor(visitor.phone_key, visitor.verify_sid)
    rows = consent.rows_of(conn, [visitor.phone_key])[visitor.phone_key]
    said = sorted({row.purpose for row in rows} & {EMAIL, ON_CALL})
    record(conn, nobody, [*PURPOSES, *said], ConsentAction.WITHDRAWN, source, now)


def _commit(visitor: Visitor, purposes: Iterable[str], action: ConsentAction) -> None:
    with db.engine.begin() as conn:
        phones.lock(conn, [visitor.phone_key])
        if phones.number_of(conn, visitor.phone_key) is None:
            return  # erased a moment ago, in another window
        _write(conn, visitor, list(purposes), action, database_now(conn))


def _write(
    conn: Connection,
    visitor: Visitor,
    purposes: Collection[str],
    action: ConsentAction,
    now: datetime,
) -> list[str]:
    """Do so as a part of a transaction that is alone with the number (phones.lock)."""
    written = record(conn, visitor, purposes, action, ConsentSource.PAGE, now)
    if purposes and action is ConsentAction.GRANTED:
        opt_out.lift(conn, visitor.phone_key, now, opt_out.LIFTED_BY_PAGE)
    return written


def record(
    conn: Connection,
    visitor: Visitor,
    purposes: Iterable[str],
    action: ConsentAction,
    source: ConsentSource,
    now: datetime,
) -> list[str]:
    """Write one row for each purpose that does not stand like that already; return these.

    As a part of a transaction that is alone with the number (phones.lock).
    """
    config = settings()
    before = consent.rows_of(conn, [visitor.phone_key])
    latest = {row.purpose: row for row in before[visitor.phone_key]}
    entries = [
        (
            visitor.phone_key,
            Entry(
                name,
                action,
                source,
                purpose(name, visitor.language).words,
                verify_sid=visitor.verify_sid,
                address=visitor.address,
                user_agent=visitor.user_agent,
            ),
        )
        for name in purposes
        if _changes(latest.get(name), action, source)
    ]
    consent.append(conn, config.ledger_key, entries, before, now)
    return [entry.purpose for _, entry in entries]


def _changes(latest: Any, action: ConsentAction, source: ConsentSource) -> bool:
    """Whether a row would say something new; a customer's own grant counts above a service's."""
    if latest is None or latest.action is not action:
        return True
    return latest.source is ConsentSource.API and source is not ConsentSource.API
