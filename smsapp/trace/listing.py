"""Lists for people, newest first, a page at a time. By key, never by OFFSET."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, String, select, tuple_, type_coerce

from smsapp.models import (
    Attempt,
    Audit,
    Call,
    Channel,
    Delivery,
    Inbound,
    InboundMedia,
    Operator,
    Phone,
    Verification,
    Voicemail,
)

PER_PAGE = 25
LAST_ID = uuid.UUID(int=2**128 - 1)

_SHOWN = (
    Delivery.id,
    Delivery.kind,
    Delivery.event_id,
    Delivery.subject,
    Delivery.phone_key,
    Delivery.channel,
    Delivery.state,
    Delivery.state_at,
    Delivery.reason,
    Delivery.canceled_by,
    Delivery.error_code,
    Delivery.created_at,
    Delivery.due_at,
    Delivery.time_zone,
    Delivery.last_attempt_at,
)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and whether there are older ones after the last."""

    rows: Sequence[Any]
    has_older: bool


def of_ids(conn: Connection, ids: Collection[uuid.UUID]) -> Sequence[Any]:
    """Return these deliveries, all of them."""
    return conn.execute(
        select(*_SHOWN).where(Delivery.id.in_(ids)).order_by(Delivery.id.desc())
    ).all()


def of_subject(
    conn: Connection, subject: str, before: uuid.UUID | None, kind: str | None = None
) -> Page:
    """Return the deliveries about a subject, of one kind or of all."""
    query = of_subject_query(subject, before)
    return _page(conn, query.where(plain(Delivery.kind) == kind) if kind else query)


def plain(column: Any) -> Any:
    """Return a column's text without any index of it.

    SQLite would rather read all deliveries of a kind and sort them than walk a list to its page.
    """
    return type_coerce(column, String) + ""


def of_subject_query(subject: str, before: uuid.UUID | None) -> Select[*tuple[Any, ...]]:
    """Return the query for the deliveries about a subject.

    A range of the index and no plain equality: with that PostgreSQL, where it believes a subject
    to be a busy one, walks all deliveries backwards until it has met enough of them.
    """
    place = tuple_(Delivery.subject, Delivery.id)
    return (
        select(*_SHOWN)
        .where(Delivery.subject >= subject, place < (subject, before or LAST_ID))
        .order_by(Delivery.subject.desc(), Delivery.id.desc())
    )


def of_phone(
    conn: Connection, phone_key: str, before: uuid.UUID | None, kind: str | None = None
) -> Page:
    """Return a number's deliveries, of one kind or of all."""
    theirs = select(*_SHOWN).where(Delivery.phone_key == phone_key)
    # Fetched as a whole: one number has few, and an index for the order of them would cost every
    # text. MATERIALIZED, or the planner may walk all deliveries backwards.
    mine = theirs.cte("mine").prefix_with("MATERIALIZED")
    query = select(mine).order_by(mine.c.id.desc())
    return _page(conn, query.where(mine.c.kind == kind) if kind else query, mine.c.id, before)


Cursor = tuple[datetime, str]
_TEXT_PLACE = tuple_(Inbound.received_at, Inbound.sid)
_TEXT = (
    Inbound.sid,
    Inbound.body,
    Inbound.blanked_at,
    Inbound.keyword,
    Inbound.channel,
    Inbound.received_at,
)


def texts_from(conn: Connection, phone_key: str, before: Cursor | None) -> Page:
    """Return the texts that a number sent us."""
    query = (
        select(*_TEXT)
        .where(Inbound.phone_key == phone_key)
        .order_by(Inbound.phone_key.desc(), Inbound.received_at.desc(), Inbound.sid.desc())
    )
    return _page(conn, query, _TEXT_PLACE, before)


def inbox(conn: Connection, before: Cursor | None) -> Page:
    """Return the texts that anybody sent us."""
    query = (
        select(
            *_TEXT,
            Inbound.phone_key,
            Phone.e164,
            Phone.country,
            Phone.erased_at,
            Phone.forgotten_at,
            Phone.merged_into,
        )
        .join(Phone, Phone.phone_key == Inbound.phone_key)
        .order_by(Inbound.received_at.desc(), Inbound.sid.desc())
    )
    return _page(conn, query, _TEXT_PLACE, before)


def voicemails_of(conn: Connection, page: Page) -> dict[str, Any]:
    """Return the recordings of those of a page's texts that are voicemails, by their SID."""
    sids = [row.sid for row in page.rows if row.channel == Channel.CALL]
    if not sids:
        return {}
    query = select(Voicemail.__table__).where(Voicemail.sid.in_(sids))
    return {row.sid: row for row in conn.execute(query)}


def calls(conn: Connection, phone_key: str, before: Cursor | None) -> Page:
    """Return a number's calls, ours and theirs."""
    query = (
        select(Call.__table__, Attempt.delivery_id)
        .outerjoin(Attempt, Attempt.id == Call.attempt_id)
        .where(Call.phone_key == phone_key)
        .order_by(Call.phone_key.desc(), Call.began_at.desc(), Call.sid.desc())
    )
    return _page(conn, query, tuple_(Call.began_at, Call.sid), before)


def media_of(conn: Connection, page: Page) -> dict[str, list[Any]]:
    """Return the files that came with a page's texts, by the text's SID."""
    found: dict[str, list[Any]] = {}
    if page.rows:
        theirs = InboundMedia.inbound_sid.in_([row.sid for row in page.rows])
        for row in conn.execute(select(InboundMedia.__table__).where(theirs)):
            found.setdefault(row.inbound_sid, []).append(row)
    return found


def verifications(conn: Connection, phone_key: str, before: datetime | None) -> Page:
    """Return the codes that a number was sent."""
    query = (
        select(
            Verification.channel,
            Verification.checks,
            Verification.started_at,
            Verification.approved_at,
            Verification.verify_sid,
        )
        .where(Verification.phone_key == phone_key)
        .order_by(Verification.phone_key.desc(), Verification.started_at.desc())
    )
    return _page(conn, query, Verification.started_at, before)


def audit(conn: Connection, before: int | None) -> Page:
    """Return what was done in the console, with the names of who did it."""
    query = (
        select(Audit.__table__, Operator.name)
        .join(Operator, Operator.id == Audit.operator_id)
        .order_by(Audit.id.desc())
    )
    return _page(conn, query, Audit.id, before)


def _page(conn: Connection, query: Any, place: Any = None, before: Any = None) -> Page:
    """Return the first rows of a query, or of those whose `place` comes after `before`."""
    if before is not None:
        query = query.where(place < before)
    rows = conn.execute(query.limit(PER_PAGE + 1)).all()
    return Page(rows[:PER_PAGE], len(rows) > PER_PAGE)
