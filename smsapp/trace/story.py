"""All that was written to people about one subject, in order: an order's whole story."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from smsapp.models import Phone, Reason
from smsapp.trace import listing

# Among how many of a subject's newest deliveries the one is looked for that superseded another.
SUPERSEDED_AMONG = 200

# Of each kind those whose events may make it pointless; they are known above this floor.
SupersededBy = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One delivery of a story.

    Attributes:
        row: As listing.py returns it.
        phone: The row of its number.
        superseded_by: The delivery of the event that made it pointless, if that can be told.
    """

    row: Any
    phone: Any
    superseded_by: Any | None


@dataclass(frozen=True, slots=True)
class Story:
    """A page of a story, oldest first, and whether more went before."""

    chapters: Sequence[Chapter]
    has_older: bool


def of_subject(
    conn: Connection,
    subject: str,
    superseded_by: SupersededBy,
    before: uuid.UUID | None = None,
    kind: str | None = None,
) -> Story:
    """Return the story of a subject, or of one kind of its deliveries; its newest page."""
    page = listing.of_subject(conn, subject, before, kind)
    rows = page.rows[::-1]
    others: Sequence[Any] = ()
    if any(row.reason is Reason.SUPERSEDED for row in rows):
        newest = listing.of_subject_query(subject, None).limit(SUPERSEDED_AMONG)
        others = conn.execute(newest).all()
    phones = _phones(conn, {row.phone_key for row in rows})
    chapters = [
        Chapter(row, phones[row.phone_key], _superseding(row, others, superseded_by))
        for row in rows
    ]
    return Story(chapters, page.has_older)


def _superseding(row: Any, others: Iterable[Any], superseded_by: SupersededBy) -> Any | None:
    """Return which of the others superseded a delivery: the one that came in just then.

    Where it was pointless as it came in, the last before it.
    """
    if row.reason is not Reason.SUPERSEDED:
        return None
    kinds = superseded_by.get(row.kind, ())
    ones = [
        other
        for other in others
        if other.kind in kinds and other.phone_key == row.phone_key and other.id != row.id
    ]
    if row.state_at == row.created_at:
        ones = [other for other in ones if other.created_at <= row.created_at]
    return min(ones, key=lambda other: abs(other.created_at - row.state_at), default=None)


def _phones(conn: Connection, keys: Collection[str]) -> dict[str, Any]:
    found = conn.execute(select(Phone.__table__).where(Phone.phone_key.in_(keys)))
    return {row.phone_key: row for row in found}
