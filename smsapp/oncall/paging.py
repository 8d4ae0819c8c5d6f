"""Telling somebody: a page is a row, and a delivery like any other, in the commit of its step."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from smsapp.delivery import outbox
from smsapp.events import accepting
from smsapp.events.incident_paged import INCIDENT_PAGED, IncidentWords
from smsapp.events.kind import Kind
from smsapp.extensions import insert_into
from smsapp.models import Channel, Incident, IncidentPage, IncidentState
from smsapp.oncall import links, storms, words

# For so long after an incident its codes mean no other: a late answer hits nothing else.
CODES_REST = timedelta(days=1)

_CODES = (
    select(IncidentPage.code, IncidentPage.incident_id)
    .join(Incident, Incident.id == IncidentPage.incident_id)
    .where(
        IncidentPage.person_id == bindparam("of"),
        IncidentPage.code.is_not(None),
        or_(Incident.resolved_at.is_(None), Incident.resolved_at > bindparam("since")),
    )
)
_TOLD_BY = (
    update(IncidentPage)
    .where(IncidentPage.id.in_(bindparam("ids", expanding=True)))
    .values(delivery_id=bindparam("by"))
)
_WAITING = (
    select(IncidentPage.id.label("page_id"), Incident.__table__)
    .join(Incident, Incident.id == IncidentPage.incident_id)
    .where(
        IncidentPage.person_id == bindparam("of"),
        IncidentPage.delivery_id.is_(None),
        Incident.state == IncidentState.OPEN,
    )
    .order_by(Incident.id.desc(), IncidentPage.id.desc())
)
_random = SystemRandom()


def page(
    conn: Connection,
    incident: Any,
    person: Any,
    channel: Channel,
    now: datetime,
    *,
    is_last: bool = False,
) -> None:
    """Tell somebody of an incident in its step, once; in a storm, later and with others.

    With the people's numbers locked, and the incident.
    """
    in_storm = storms.is_in_one(conn, person, now)
    row = {
        "incident_id": incident.id,
        "person_id": person.id,
        "round": incident.round,
        "step": incident.step,
        "channel": channel,
        "code": _code(conn, incident.id, person.id, now),
        "paged_at": now,
        "delivery_id": None,
    }
    once = insert_into(conn, IncidentPage).values(row).on_conflict_do_nothing()
    page_id = conn.execute(once.returning(IncidentPage.id)).scalar_one_or_none()
    if page_id is None:
        return
    if in_storm:
        storms.bundle_later(conn, person.id, now)
        return
    say = words.last_resort if is_last else words.page
    event_id = f"{incident.id}-{incident.round}-{incident.step}-{person.id}"
    said = say(incident, row["code"], links.url(page_id))
    delivery_id = tell(conn, INCIDENT_PAGED, person, event_id, incident.incident_key, said, channel)
    if delivery_id:
        conn.execute(_TOLD_BY, {"ids": [page_id], "by": delivery_id})


def tell_bundle(conn: Connection, person: Any, now: datetime) -> None:
    """Tell somebody in one text of all that waited for them and is still open."""
    waiting = conn.execute(_WAITING, {"of": person.id}).all()
    newest = {row.id: row for row in reversed(waiting)}
    if not newest:
        return
    first = waiting[0]
    link = links.url(first.page_id)
    said = words.bundle(len(newest), first, link)
    if len(newest) == 1:
        said = words.page(first, _code(conn, first.id, person.id, now), link)
    event_id = f"bundle-{first.page_id}"
    key = first.incident_key
    delivery_id = tell(conn, INCIDENT_PAGED, person, event_id, key, said, Channel.SMS)
    if delivery_id:
        conn.execute(_TOLD_BY, {"ids": [row.page_id for row in waiting], "by": delivery_id})


def tell(
    conn: Connection,
    kind: Kind,
    person: Any,
    event_id: str,
    incident_key: str,
    said: str,
    channel: Channel = Channel.SMS,
) -> uuid.UUID | None:
    """Let words to somebody wait for a worker; None for whose number is not here any more.

    A channel that is not set up is passed by, and after a call that does not reach them comes
    a text.
    """
    if person.e164 is None:
        return None
    event = IncidentWords.model_validate(
        {
            "eventId": event_id,
            "phone": person.e164,
            "channels": list(dict.fromkeys([channel, Channel.SMS])),
            "incidentKey": incident_key,
            "words": said,
        }
    )
    delivery = accepting.new_delivery(kind, event, None, send_now=False)
    # Nobody on call needs to be told with every page how to be left in peace.
    (accepted,) = outbox.accept(conn, [replace(delivery, if_first="")])
    return accepted.delivery_id


def codes(conn: Connection, person_id: int, now: datetime) -> dict[int, list[uuid.UUID]]:
    """Return what somebody's codes mean now: the newest incident first."""
    found: dict[int, list[uuid.UUID]] = {}
    for row in conn.execute(_CODES, {"of": person_id, "since": now - CODES_REST}):
        found.setdefault(row.code, []).append(row.incident_id)
    return {code: sorted(set(ids), reverse=True) for code, ids in found.items()}


def _code(conn: Connection, incident_id: uuid.UUID, person_id: int, now: datetime) -> int | None:
    """Return somebody's code for an incident: the one that they have, else any that is free."""
    used = codes(conn, person_id, now)
    if theirs := next((code for code, ids in used.items() if incident_id in ids), None):
        return theirs
    free: Sequence[int] = [code for code in words.CODES if code not in used]
    return _random.choice(free) if free else None
