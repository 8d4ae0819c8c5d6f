"""Incidents: what services and monitors tell us is wrong, and that it is over.

They name no phone: whoever is on call is told.
"""

import uuid
from typing import Annotated, Any, Literal

from flask import Blueprint, g
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from smsapp import metrics
from smsapp.api_keys import Scope
from smsapp.errors import IncidentEventIdReused, NotFound, OnCallNotConfigured
from smsapp.events.fields import EventId, Reference, printable
from smsapp.extensions import csrf, reading
from smsapp.models import Door, IncidentState, Severity
from smsapp.oncall import acknowledging, incidents, people
from smsapp.oncall.acknowledging import Taker
from smsapp.oncall.incidents import OPENED, RESOLVED, Noted, Told
from smsapp.web import guards
from smsapp.web.api.answers import (
    Ignored,
    IncidentAccepted,
    IncidentAnswer,
    IncidentDuplicate,
    WouldPage,
)
from smsapp.web.api.events import Asked
from smsapp.web.api.parsing import parse, parse_query
from smsapp.web.operations import Operation, told

bp = Blueprint("api_incidents", __name__, url_prefix="/api")
csrf.exempt(bp)  # a key in a header is nothing that a foreign page could make a browser send

Title = Annotated[
    str,
    Field(
        min_length=1,
        max_length=120,
        description="What is wrong, as the page says it, on one line.",
        examples=["Checkout answers with errors"],
    ),
    AfterValidator(printable),
]
Key = Annotated[
    Reference,
    Field(
        description="Yours, of what is wrong: the same while it is open adds to its count and"
        " pages nobody.",
        examples=["checkout-errors"],
    ),
]


class _AboutIncident(BaseModel):
    """What both have; other fields are ignored, but those that look like a slip are told."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        frozen=True,
        strict=True,
        extra="allow",
        hide_input_in_errors=True,
    )

    event_id: EventId
    incident_key: Key


class IncidentOpened(_AboutIncident):
    """What a service says when something is wrong."""

    title: Title
    severity: Annotated[
        Literal["critical", "warning"],
        Field(description="As the page says it; both are told at once.", examples=["critical"]),
    ]


class IncidentResolved(_AboutIncident):
    """What a service says when it is over."""

    title: Title | None = None
    severity: Literal["critical", "warning"] | None = None


class Acknowledge(BaseModel):
    """Who has it."""

    model_config = ConfigDict(extra="allow", strict=True, hide_input_in_errors=True)

    by: Annotated[
        str,
        Field(
            min_length=1,
            max_length=40,
            description="The name that those who were told will read.",
            examples=["Ann"],
        ),
        AfterValidator(printable),
    ]


_ANSWERS: dict[int, tuple[Any, ...]] = {
    200: (IncidentDuplicate, Ignored, WouldPage),
    202: (IncidentAccepted,),
}


@bp.post("/events/incident_opened")
@guards.api_key(Scope.SEND)
@told(
    Operation(
        _ANSWERS,
        (IncidentEventIdReused, OnCallNotConfigured),
        IncidentOpened,
        Asked,
        has_location=True,
    )
)
def incident_opened() -> ResponseReturnValue:
    """Open an incident and page whoever is on call; while it is open, count one more event."""
    event = parse(IncidentOpened)
    with reading() as conn:
        if not people.all_in(conn):
            raise OnCallNotConfigured
    return _note(
        Told(
            OPENED,
            event.event_id,
            event.incident_key,
            event.title,
            Severity(event.severity),
            g.caller.id,
        )
    )


@bp.post("/events/incident_resolved")
@guards.api_key(Scope.SEND)
@told(Operation(_ANSWERS, (IncidentEventIdReused,), IncidentResolved, Asked, has_location=True))
def incident_resolved() -> ResponseReturnValue:
    """End an incident, and tell whoever was told of it."""
    event = parse(IncidentResolved)
    return _note(Told(RESOLVED, event.event_id, event.incident_key, api_key_id=g.caller.id))


@bp.get("/incidents/<uuid:incident_id>")
@guards.api_key(Scope.READ)
@told(Operation({200: (IncidentAnswer,)}, errors=(NotFound,)))
def get_incident(incident_id: uuid.UUID) -> ResponseReturnValue:
    """Tell how an incident stands."""
    return _answer(incident_id)


@bp.post("/incidents/<uuid:incident_id>/acknowledge")
@guards.api_key(Scope.SEND)
@told(Operation({200: (IncidentAnswer,)}, (NotFound,), Acknowledge))
def acknowledge_incident(incident_id: uuid.UUID) -> ResponseReturnValue:
    """Say who has an incident, unless somebody has it already, and tell how it then stands."""
    by = parse(Acknowledge).by
    acknowledging.by_name(incident_id, Taker(by, Door.API))
    return _answer(incident_id)


def _note(event: Told) -> ResponseReturnValue:
    if parse_query(Asked).dry_run:
        return _would(event), 200
    noted = incidents.note(event)
    answer, status = _noted(noted)
    word = "duplicate" if noted.is_duplicate else answer["status"]
    metrics.count(metrics.EVENTS, event.kind, word)
    g.log_fields = {
        "kind": event.kind,
        "event_id": event.event_id,
        "incident": noted.incident_id and str(noted.incident_id),
        "api_key": g.caller.name,
        "answer": word,
    }
    headers = {}
    if noted.incident_id:
        headers["Location"] = f"{bp.url_prefix}/incidents/{noted.incident_id}"
    return answer, status, headers


def _noted(noted: Noted) -> tuple[dict[str, Any], int]:
    if not noted.same_content:
        which = {"incidentId": str(noted.incident_id)} if noted.incident_id else {}
        raise IncidentEventIdReused(extra=which)
    if noted.incident_id is None or noted.state is None:
        duplicate = {"duplicate": True} if noted.is_duplicate else {}
        return duplicate | {"ignored": True, "status": "unknown"}, 200
    word: dict[str, Any] = {"duplicate": True} if noted.is_duplicate else {"accepted": True}
    about = {"incidentId": str(noted.incident_id), "status": noted.state, "count": noted.count}
    return word | about, 200 if noted.is_duplicate else 202


def _would(event: Told) -> dict[str, Any]:
    """Return what would become of an event, of which nothing is written."""
    found = incidents.open_of(event.key)
    if incidents.was_told(event.kind, event.event_id):
        code, said = "duplicate", "This event came before."
    elif event.kind == OPENED:
        code, said = "now", "Whoever is on call would be paged now."
        if found:
            code, said = "open", f"It is {found.state}: its count would grow, and nobody be paged."
    else:
        code, said = "unknown", "No incident of this key is open: it would change nothing."
        if found:
            code, said = "over", "It would be over, and whoever was told of it would hear so."
    return {"wouldPage": code == "now", "why": {"code": code, "message": said}}


def _answer(incident_id: uuid.UUID) -> ResponseReturnValue:
    row = incidents.one(incident_id)
    if row is None:
        raise NotFound("There is no such incident.")
    found: IncidentAnswer = {
        "incidentId": str(row.id),
        "incidentKey": row.incident_key,
        "title": row.title,
        "severity": row.severity,
        "status": row.state,
        "count": row.events,
        "openedAt": row.opened_at.isoformat(),
        "acknowledgedAt": row.acknowledged_at and row.acknowledged_at.isoformat(),
        "acknowledgedBy": row.acknowledged_by,
        "resolvedAt": row.resolved_at and row.resolved_at.isoformat(),
        "nobodyAnswered": row.unanswered_at is not None and row.state is IncidentState.OPEN,
    }
    return dict(found)
