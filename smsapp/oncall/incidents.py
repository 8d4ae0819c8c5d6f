"""Incidents: opened and resolved by events. Of one key one alone is open; the rest is counted.

Opening one sends nothing: its first step is due at once, and a worker takes it (escalation.py).
"""

import hashlib
import json
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, insert, select, update
from sqlalchemy.orm import aliased

from smsapp.delivery import group_commit, superseding
from smsapp.extensions import database_now, db, insert_into, new_id, reading
from smsapp.models import (
    INCIDENT_IS_OPEN,
    Incident,
    IncidentEvent,
    IncidentPage,
    IncidentState,
    Severity,
)

OPENED, RESOLVED = "incident_opened", "incident_resolved"

_IS_OPEN = Incident.state != IncidentState.RESOLVED
_TOLD = select(
    IncidentEvent.event_id,
    IncidentEvent.content_hash,
    IncidentEvent.incident_id,
    Incident.state,
    Incident.events,
).outerjoin(Incident, Incident.id == IncidentEvent.incident_id)
_SEEN = _TOLD.where(
    IncidentEvent.kind == bindparam("of_kind"),
    IncidentEvent.event_id.in_(bindparam("event_ids", expanding=True)),
)
_MINE = select(IncidentEvent.id).where(IncidentEvent.id.in_(bindparam("ids", expanding=True)))
_ABOUT = (
    update(IncidentEvent)
    .where(IncidentEvent.id == bindparam("of"))
    .values(incident_id=bindparam("about"))
)
# In the order in which everybody locks incidents.
_LOCK = (
    select(Incident.id)
    .where(Incident.incident_key.in_(bindparam("keys", expanding=True)), _IS_OPEN)
    .order_by(Incident.id)
    .with_for_update()
)
_RESOLVE = (
    update(Incident)
    .where(Incident.incident_key == bindparam("key"), _IS_OPEN)
    .values(
        state=IncidentState.RESOLVED,
        resolved_at=bindparam("now"),
        step_due_at=None,
        news_due_at=bindparam("now"),
    )
    .returning(Incident.id, Incident.state, Incident.events)
)
# A bundle still has to be told while one of its incidents is open.
_OTHER, _OF_OTHER = aliased(IncidentPage), aliased(Incident)
_PAGES = select(IncidentPage.delivery_id).where(
    IncidentPage.incident_id.in_(bindparam("ids", expanding=True)),
    IncidentPage.delivery_id.is_not(None),
    ~exists().where(
        _OTHER.delivery_id == IncidentPage.delivery_id,
        _OF_OTHER.id == _OTHER.incident_id,
        _OF_OTHER.state == IncidentState.OPEN,
    ),
)


@dataclass(frozen=True, slots=True)
class Told:
    """An event about an incident; `kind` is OPENED or RESOLVED, of which that needs no title."""

    kind: str
    event_id: str
    key: str
    title: str = ""
    severity: Severity = Severity.CRITICAL
    api_key_id: int | None = None

    @property
    def content_hash(self) -> str:
        """Return what makes an event with the same id the same event again."""
        content = json.dumps([self.key, self.title, self.severity])
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Noted:
    """What an event came to: its incident as it is now; None for one that nobody knows of."""

    incident_id: uuid.UUID | None
    state: IncidentState | None
    count: int
    is_duplicate: bool = False
    same_content: bool = True


def note(told: Told) -> Noted:
    """Write an event down, once for its id; once this has committed it is not lost."""
    return group_commit.write(db.engine, accept, told)


def accept(conn: Connection, rows: list[Told]) -> list[Noted]:
    """Write events down, for group_commit.

    In one order, so that nobody waits in a circle: events first, then incidents that are there, by
    their ids as everywhere, and then those that are new.
    """
    new = {(row.kind, row.event_id): row for row in reversed(rows)}
    seen = _seen(conn, new)
    now = database_now(conn)
    fresh = {event: new_id() for event in sorted(new) if event not in seen}
    mine: set[uuid.UUID] = set()
    if fresh:
        once = insert_into(conn, IncidentEvent).on_conflict_do_nothing()
        conn.execute(once, [_event(id_, new[event], now) for event, id_ in fresh.items()])
        mine = set(conn.scalars(_MINE, {"ids": list(fresh.values())}))
    done: dict[tuple[str, str], Noted] = {}
    if mine:
        conn.execute(_LOCK, {"keys": sorted({row.key for row in new.values()})}).all()
    for event in sorted(fresh, key=lambda event: (new[event].key, event)):
        if fresh[event] in mine:
            done[event] = _apply(conn, new[event], now)
            if about := done[event].incident_id:
                conn.execute(_ABOUT, {"of": fresh[event], "about": about})
    answers = []
    for row in rows:
        event = (row.kind, row.event_id)
        if event in done and new[event] is row:
            answers.append(done[event])
            continue
        if event not in seen:  # with this batch, or in another process since we looked
            seen |= _seen(conn, [event])
        answers.append(_repeat(seen[event], row))
    return answers


def _seen(conn: Connection, events: Collection[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    found = {}
    for kind in sorted({kind for kind, _ in events}):
        event_ids = [event_id for of, event_id in events if of == kind]
        for row in conn.execute(_SEEN, {"of_kind": kind, "event_ids": event_ids}):
            found[kind, row.event_id] = row
    return found


def _event(id_: uuid.UUID, told: Told, now: datetime) -> dict[str, Any]:
    return {
        "id": id_,
        "kind": told.kind,
        "event_id": told.event_id,
        "content_hash": told.content_hash,
        "incident_id": None,
        "api_key_id": told.api_key_id,
        "created_at": now,
    }


def _apply(conn: Connection, told: Told, now: datetime) -> Noted:
    if told.kind == OPENED:
        return _open(conn, told, now)
    row: Any = conn.execute(_RESOLVE, {"key": told.key, "now": now}).one_or_none()
    if row is None:
        return Noted(None, None, 0)
    cancel_pages(conn, [row.id], now)
    return Noted(row.id, row.state, row.events)


def _open(conn: Connection, told: Told, now: datetime) -> Noted:
    """Open an incident, or count one more event of it, in one statement."""
    new = insert_into(conn, Incident).values(
        new_row(told.key, told.title, told.severity, now) | {"test_of": None}
    )
    again = new.on_conflict_do_update(
        index_elements=["incident_key"],
        index_where=INCIDENT_IS_OPEN,
        set_={"events": Incident.events + 1, "seen_at": now},
    )
    row = conn.execute(again.returning(Incident.id, Incident.state, Incident.events)).one()
    return Noted(row.id, row.state, row.events)


def new_row(key: str, title: str, severity: Severity, now: datetime) -> dict[str, Any]:
    """Return the columns of an incident whose first step is due."""
    return {
        "id": new_id(),
        "incident_key": key,
        "title": title,
        "severity": severity,
        "events": 1,
        "state": IncidentState.OPEN,
        "opened_at": now,
        "seen_at": now,
        "round": 0,
        "step": 0,
        "stepped_at": now,
        "step_due_at": now,
    }


def _repeat(seen: Any, told: Told) -> Noted:
    same = seen.content_hash == told.content_hash
    return Noted(
        seen.incident_id, seen.state, seen.events or 0, is_duplicate=True, same_content=same
    )


def cancel_pages(conn: Connection, incidents: Collection[uuid.UUID], now: datetime) -> None:
    """Let no page of these leave any more, as a part of the transaction that ends them."""
    superseding.cancel_these(conn, list(conn.scalars(_PAGES, {"ids": list(incidents)})), now)


def test_page(person: Any) -> uuid.UUID:
    """Open a test, which pages one person alone, once; return its incident."""
    with db.engine.begin() as conn:
        now = database_now(conn)
        title = f"This is a test for {person.name}"
        row = new_row(f"test-{new_id()}", title, Severity.WARNING, now)
        conn.execute(insert(Incident).values(row | {"test_of": person.id}))
    incident_id: uuid.UUID = row["id"]
    return incident_id


def one(incident_id: uuid.UUID) -> Any | None:
    """Return an incident's row."""
    with reading() as conn:
        return conn.execute(
            select(Incident.__table__).where(Incident.id == incident_id)
        ).one_or_none()


def open_of(key: str) -> Any | None:
    """Return the incident of a key that is not over."""
    with reading() as conn:
        found = select(Incident.__table__).where(Incident.incident_key == key, _IS_OPEN)
        return conn.execute(found).one_or_none()


def was_told(kind: str, event_id: str) -> bool:
    """Whether an event came before."""
    with reading() as conn:
        return bool(_seen(conn, [(kind, event_id)]))
