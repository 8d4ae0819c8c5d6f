"""Acknowledging: somebody has it. One function, whichever way they say so.

Its commit ends the escalation and cancels what waits. Nobody is told that they have it before that.
"""

import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from smsapp import metrics
from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import Door, Incident, IncidentPage, IncidentState, OnCallPerson
from smsapp.oncall import incidents, links, paging, people, words

log = logging.getLogger(__name__)

_LOCK = (
    select(Incident.__table__)
    .where(Incident.id.in_(bindparam("ids", expanding=True)))
    .order_by(Incident.id)
    .with_for_update()
)
_TAKE = (
    update(Incident)
    .where(Incident.id.in_(bindparam("ids", expanding=True)))
    .values(state=IncidentState.ACKNOWLEDGED, step_due_at=None)
)
_END = (
    update(Incident)
    .where(Incident.id.in_(bindparam("ids", expanding=True)))
    .values(state=IncidentState.RESOLVED, news_due_at=None)
)
# Of what somebody was told, the newest first; within a storm that they are yet to be told of too.
_TOLD = (
    select(Incident.__table__, IncidentPage.code, IncidentPage.delivery_id)
    .join(IncidentPage, IncidentPage.incident_id == Incident.id)
    .where(IncidentPage.person_id == bindparam("of"))
    .order_by(Incident.id.desc(), IncidentPage.id.desc())
)
_OPEN_TO = _TOLD.where(Incident.state == IncidentState.OPEN)


@dataclass(frozen=True, slots=True)
class Taker:
    """Who says so and which way; `name` is what others are told."""

    name: str
    door: Door


@dataclass(frozen=True, slots=True)
class Told:
    """What a page leads to: its incident, whose it is, and what else is open to them."""

    incident: Any
    person_id: int
    name: str
    others: list[Any]


def acknowledge(
    conn: Connection, which: Collection[uuid.UUID], by: Taker, now: datetime
) -> list[Any]:
    """Let somebody have those of these incidents that nobody has; return them, the newest first."""
    locked = conn.execute(_LOCK, {"ids": list(which)}).all()
    taken = [row for row in locked if row.state is IncidentState.OPEN]
    if not taken:
        return []
    ids = [row.id for row in taken]
    values = {
        "acknowledged_at": now,
        "acknowledged_by": by.name,
        "acknowledged_via": by.door,
        "news_due_at": now,
    }
    conn.execute(_TAKE.values(values), {"ids": ids})
    if tests := [row.id for row in taken if row.test_of is not None]:  # they are over with that
        conn.execute(_END.values(resolved_at=now), {"ids": tests})
    incidents.cancel_pages(conn, ids, now)
    for _ in ids:
        metrics.count(metrics.ACKNOWLEDGED, by.door)
    log.info("incidents acknowledged", extra={"count": len(ids), "source": by.door})
    return taken[::-1]


def by_name(incident_id: uuid.UUID, by: Taker) -> list[Any]:
    """Do so in a transaction of its own, from the console or the API."""
    with db.engine.begin() as conn:
        return acknowledge(conn, [incident_id], by, database_now(conn))


def by_reply(conn: Connection, phone_key: str, code: int, now: datetime) -> str | None:
    """Do what somebody's one or two digits ask for, and return what they are answered.

    None where they are nobody on call, or were told of nothing lately. In a transaction that is
    alone with their number.
    """
    person = people.with_phone(conn, phone_key)
    if person is None:
        return None
    told = _told(conn, person.id)
    if not told:
        return None
    zone, by = settings().oncall_policy.zone, Taker(person.name, Door.REPLY)
    is_open = [row for row in told if row.state is IncidentState.OPEN]
    if code == words.ALL:
        chosen = [row.id for row in is_open]
    elif code == 1:
        texted = [row for row in is_open if row.delivery_id]
        if len(texted) > 1:
            return words.which([(row.code, row) for row in texted])
        chosen = [row.id for row in texted]
    else:
        chosen = paging.codes(conn, person.id, now).get(code, [])[:1]
        if not chosen:
            return words.unknown(code)
    taken = acknowledge(conn, chosen, by, now)
    if taken:
        return words.taken(taken)
    stands = next((row for row in told if row.id in chosen), told[0])
    return words.stands(stands, zone)


def by_key(conn: Connection, delivery_id: uuid.UUID, now: datetime) -> str | None:
    """Let whoever was called with a delivery, and pressed the key, have what it was about.

    Return what is said to them; None where it was about no incident. In a transaction that is
    alone with their number.
    """
    query = select(IncidentPage.incident_id, OnCallPerson.name).join(
        OnCallPerson, OnCallPerson.id == IncidentPage.person_id
    )
    rows = conn.execute(query.where(IncidentPage.delivery_id == delivery_id)).all()
    if not rows:
        return None
    ids, name = [row.incident_id for row in rows], rows[0].name
    acknowledge(conn, ids, Taker(name, Door.CALL), now)
    about = conn.execute(_LOCK, {"ids": ids}).all()
    # A key may be posted twice, and is answered alike.
    if theirs := [row for row in about if row.acknowledged_by == name and not row.resolved_at]:
        return words.taken(theirs[::-1])
    return words.stands(about[-1], settings().oncall_policy.zone)


def of_link(token: str) -> Told | None:
    """Return what a link leads to; None for one that is not good any more."""
    page_id = links.read(token)
    if page_id is None:
        return None
    with reading() as conn:
        return _of_page(conn, page_id)


def by_link(token: str, *, everything: bool = False) -> Told | None:
    """Let whoever got a link have its incident, and with `everything` all that is open to them.

    Return how that stands then; None where the link is not good any more.
    """
    page_id = links.read(token)
    if page_id is None:
        return None
    with db.engine.begin() as conn:
        told = _of_page(conn, page_id)
        if told is None:
            return None
        ids = [told.incident.id, *([row.id for row in told.others] if everything else [])]
        acknowledge(conn, ids, Taker(told.name, Door.LINK), database_now(conn))
        return _of_page(conn, page_id)


def _of_page(conn: Connection, page_id: int) -> Told | None:
    query = (
        select(Incident.__table__, IncidentPage.person_id, OnCallPerson.name)
        .join(IncidentPage, IncidentPage.incident_id == Incident.id)
        .join(OnCallPerson, OnCallPerson.id == IncidentPage.person_id)
        .where(IncidentPage.id == page_id, OnCallPerson.left_at.is_(None))
    )
    row: Any = conn.execute(query).one_or_none()
    if row is None:
        return None
    others = [each for each in _told(conn, row.person_id, only_open=True) if each.id != row.id]
    return Told(row, row.person_id, row.name, others)


def _told(conn: Connection, person_id: int, *, only_open: bool = False) -> list[Any]:
    """Return the incidents that somebody was told of, each once, the newest first."""
    found: dict[Any, Any] = {}
    query = _OPEN_TO if only_open else _TOLD.limit(2000)
    for row in conn.execute(query, {"of": person_id}):
        if row.id not in found or (row.delivery_id and not found[row.id].delivery_id):
            found[row.id] = row
    return list(found.values())
