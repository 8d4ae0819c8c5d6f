"""News: who was told of an incident hears who has it, and that it is over.

Told by a worker, a moment later and at most once a minute to each: so a storm that ends is a text
or two. Of an incident that went on meanwhile only the latest is told.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from smsapp.events.incident_paged import INCIDENT_TOLD
from smsapp.models import Delivery, DeliveryState, Incident, IncidentPage, OnCallPerson
from smsapp.oncall import paging, words

EVERY = timedelta(minutes=1)
# Incidents told of in one transaction.
MOST = 500

_DUE = (
    select(Incident.__table__)
    .where(Incident.news_due_at <= bindparam("now"))
    .order_by(Incident.id.desc())
    .limit(MOST)
    .with_for_update(skip_locked=True)
)
# Whoever was sent a page; one that was canceled before it left tells nobody of anything.
_TOLD = (
    select(IncidentPage.incident_id, IncidentPage.person_id)
    .join(Delivery, Delivery.id == IncidentPage.delivery_id)
    .where(
        IncidentPage.incident_id.in_(bindparam("ids", expanding=True)),
        Delivery.state.not_in([DeliveryState.CANCELED, DeliveryState.SUPPRESSED]),
    )
    .distinct()
)
_WHICH = Incident.id.in_(bindparam("ids", expanding=True))


def tell_due(conn: Connection, people: dict[int, Any], now: datetime) -> list[Any]:
    """Tell the news that are due, all of one kind to one person in one text; return of which.

    With the people's numbers locked.
    """
    due: dict[Any, Any] = {row.id: row for row in conn.execute(_DUE, {"now": now})}
    if not due:
        return []
    told = conn.execute(_TOLD, {"ids": list(due)}).all()
    early = {
        row.incident_id: people[row.person_id].news_at + EVERY
        for row in told
        if row.person_id in people and _heard_lately(people[row.person_id], now)
    }
    for incident_id, until in early.items():
        later = update(Incident).where(Incident.id == incident_id)
        conn.execute(later.values(news_due_at=until))
    ripe = {id_: row for id_, row in due.items() if id_ not in early}
    if ripe:
        conn.execute(update(Incident).where(_WHICH).values(news_due_at=None), {"ids": list(ripe)})
    by_text: dict[tuple[int, Any, Any], list[Any]] = {}
    for row in told:
        incident = ripe.get(row.incident_id)
        if incident is None or row.person_id not in people:
            continue
        state, by = incident.state, incident.acknowledged_by
        if people[row.person_id].name == by and state != "resolved":
            continue  # they know
        by_text.setdefault((row.person_id, state, None if state == "resolved" else by), []).append(
            incident
        )
    for (person_id, state, by), incidents in sorted(by_text.items(), key=lambda each: each[0][0]):
        newest = sorted(incidents, key=lambda row: row.id, reverse=True)
        said = words.news(state, by, newest)
        event_id = f"{state}-{newest[0].id}-{len(newest)}-{person_id}"
        key = newest[0].incident_key
        paging.tell(conn, INCIDENT_TOLD, people[person_id], event_id, key, said)
        heard = update(OnCallPerson).where(OnCallPerson.id == person_id)
        conn.execute(heard.values(news_at=now))
    return list(ripe)


def _heard_lately(person: Any, now: datetime) -> bool:
    return person.news_at is not None and now - EVERY < person.news_at <= now
