"""Callers' addresses that hear what became of events: made, listed, disabled, told once more."""

import uuid
from typing import Annotated, Any, cast

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from smsapp.api_keys import Scope
from smsapp.errors import EndpointNameTaken, NotFound, TooManyEndpoints
from smsapp.extensions import csrf, settings
from smsapp.web import guards
from smsapp.web.api.answers import EndpointAnswer, EndpointsAnswer, Replayed, WithSecret
from smsapp.web.api.listing import QueryTime
from smsapp.web.api.parsing import parse, parse_query
from smsapp.web.operations import Operation, told
from smsapp.webhooks import endpoints, ids, urls
from smsapp.webhooks.endpoints import Endpoint
from smsapp.webhooks.types import TYPES

bp = Blueprint("api_webhook_endpoints", __name__, url_prefix="/api/webhook-endpoints")
csrf.exempt(bp)

MAX_NAME = 40


def _name(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be printable characters")
    return value


def _url(value: str) -> str:
    if fault := urls.fault(value, allow_private=settings().webhook_allow_private):
        raise ValueError(fault)
    return value


def _types(value: list[str]) -> list[str]:
    if not value or set(value) - TYPES.keys():
        raise ValueError(f"must be some of {', '.join(TYPES)}")
    return value


class NewEndpoint(BaseModel):
    """An address that is to hear what happens."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME),
        AfterValidator(_name),
        Field(description="What it is called here.", examples=["shop"]),
    ]
    url: Annotated[
        str,
        AfterValidator(_url),
        Field(
            description="https, without user name and fragment, and not in a private network.",
            examples=["https://shop.example.com/webhooks"],
        ),
    ]
    events: Annotated[
        list[str] | None,
        Field(
            description="What it is told of; everything where left out.",
            examples=[["delivery.delivered", "delivery.failed"]],
        ),
        AfterValidator(lambda value: value if value is None else _types(value)),
    ] = None
    include_bodies: Annotated[
        bool,
        Field(
            alias="includeBodies",
            strict=True,
            description="Whether message.received has the words too.",
            examples=[False],
        ),
    ] = False


class Replay(BaseModel):
    """What is to be sent once more: one webhook by its id, or what was not taken, by time."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    id: Annotated[
        str | None,
        Field(
            description="Of one webhook, taken or not; then no time counts.",
            pattern=ids.PATTERN,
            examples=["msg_01a1fc1e7c3e7d5a9d0b6f1c2b3a4d5e"],
        ),
    ] = None
    since: QueryTime | None = None
    until: QueryTime | None = None


@bp.post("")
@guards.api_key(Scope.WEBHOOKS)
@told(
    Operation({201: (WithSecret,)}, errors=(EndpointNameTaken, TooManyEndpoints), body=NewEndpoint)
)
def create_webhook_endpoint() -> ResponseReturnValue:
    """Make an endpoint, and return its secret, which is not shown again."""
    wanted = parse(NewEndpoint)
    try:
        endpoint_id, secret = endpoints.create(
            wanted.name, wanted.url, wanted.events, wants_bodies=wanted.include_bodies
        )
    except endpoints.NameTaken:
        raise EndpointNameTaken from None
    return {**_described(_found(endpoint_id)), "secret": secret}, 201


@bp.get("")
@guards.api_key(Scope.WEBHOOKS)
@told(Operation({200: (EndpointsAnswer,)}))
def list_webhook_endpoints() -> ResponseReturnValue:
    """List the endpoints by name, with what waits for each and what it did not take."""
    return {"data": [_described(each) for each in endpoints.list_all()]}


@bp.post("/<uuid:endpoint_id>/disable")
@guards.api_key(Scope.WEBHOOKS)
@told(Operation({200: (EndpointAnswer,)}, errors=(NotFound,)))
def disable_webhook_endpoint(endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Tell an endpoint nothing more; what happens meanwhile is not kept for it."""
    _found(endpoint_id)
    endpoints.disable(endpoint_id)
    return _answer(endpoint_id)


@bp.post("/<uuid:endpoint_id>/enable")
@guards.api_key(Scope.WEBHOOKS)
@told(Operation({200: (EndpointAnswer,)}, errors=(NotFound, TooManyEndpoints)))
def enable_webhook_endpoint(endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Tell an endpoint what waits for it, and what happens from now on."""
    _found(endpoint_id)
    endpoints.enable(endpoint_id)
    return _answer(endpoint_id)


@bp.post("/<uuid:endpoint_id>/rotate")
@guards.api_key(Scope.WEBHOOKS)
@told(Operation({200: (WithSecret,)}, errors=(NotFound,)))
def rotate_webhook_secret(endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Give an endpoint another secret; for a day both are signed with."""
    _found(endpoint_id)
    secret = endpoints.rotate(endpoint_id)
    return {**_described(_found(endpoint_id)), "secret": secret}


@bp.post("/<uuid:endpoint_id>/replay")
@guards.api_key(Scope.WEBHOOKS)
@told(Operation({202: (Replayed,)}, errors=(NotFound,), query=Replay))
def replay_webhooks(endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Send once more what an endpoint did not take: at most 100,000 at a time, the oldest first."""
    wanted = parse_query(Replay)
    _found(endpoint_id)
    message_id = ids.read_message_id(wanted.id) if wanted.id else None
    count = endpoints.replay(
        endpoint_id, message_id=message_id, since=wanted.since, until=wanted.until
    )
    return {"replayed": count}, 202


def _found(endpoint_id: uuid.UUID) -> Endpoint:
    found = endpoints.find(endpoint_id)
    if found is None:
        raise NotFound("There is no such webhook endpoint.")
    return found


def _answer(endpoint_id: uuid.UUID) -> ResponseReturnValue:
    return cast(dict[str, Any], _described(_found(endpoint_id)))


def _described(endpoint: Endpoint) -> EndpointAnswer:
    row = endpoint.row
    return {
        "id": str(row.id),
        "name": row.name,
        "url": row.url,
        "events": endpoint.types,
        "includeBodies": row.wants_bodies,
        "status": endpoint.status,
        "failingSince": row.failing_since and row.failing_since.isoformat(),
        "waiting": endpoint.waiting,
        "dead": endpoint.dead,
        "createdAt": row.created_at.isoformat(),
    }
