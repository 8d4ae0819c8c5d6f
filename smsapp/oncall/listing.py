"""Incidents as the console shows them: which there are, who was told, and who took one."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from smsapp.models import (
    Delivery,
    Incident,
    IncidentEvent,
    IncidentPage,
    IncidentState,
    OnCallPerson,
)

PAGE = 50

_TRUE = Incident.test_of.is_(None)
_ALL = select(Incident.__table__).order_by(Incident.id.desc())
_OPEN = _ALL.where(Incident.state != IncidentState.RESOLVED)
_PAST = _ALL.where(Incident.state == IncidentState.RESOLVED)
_PAGES = (
    select(
        IncidentPage.__table__,
        OnCallPerson.name,
        Delivery.state,
        Delivery.channel.label("went_by"),
        Delivery.state_at,
        Delivery.reason,
    )
    .join(OnCallPerson, OnCallPerson.id == IncidentPage.person_id)
    .outerjoin(Delivery, Delivery.id == IncidentPage.delivery_id)
    .order_by(IncidentPage.id)
)
_EVENTS = select(IncidentEvent.__table__).order_by(IncidentEvent.id.desc()).limit(20)


@dataclass(frozen=True, slots=True)
class Page:
    """Incidents that are over, newest first; `has_older`: whether there are more."""

    rows: list[Any]
    has_older: bool


def still_open(conn: Connection) -> list[Any]:
    """Return the incidents that are not over, newest first, at most 200."""
    return list(conn.execute(_OPEN.limit(200)))


def count_open(conn: Connection) -> int:
    """Return how many incidents nobody has."""
    query = select(func.count()).where(Incident.state == IncidentState.OPEN, _TRUE)
    return int(conn.scalar(query) or 0)


def past(conn: Connection, before: uuid.UUID | None) -> Page:
    """Return a page of those that are over, from before one of them on."""
    query = _PAST.where(Incident.id < before) if before else _PAST
    rows = list(conn.execute(query.limit(PAGE + 1)))
    return Page(rows[:PAGE], len(rows) > PAGE)


def pages(conn: Connection, incident_id: uuid.UUID) -> list[Any]:
    """Return who was told of an incident, in order, each with how their delivery does."""
    return list(conn.execute(_PAGES.where(IncidentPage.incident_id == incident_id)))


def events(conn: Connection, incident_id: uuid.UUID) -> list[Any]:
    """Return the last events that told of an incident."""
    return list(conn.execute(_EVENTS.where(IncidentEvent.incident_id == incident_id)))
