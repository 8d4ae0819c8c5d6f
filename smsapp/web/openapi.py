"""The contract as OpenAPI 3.1, made from the routes, guards and models that run.

Nothing is said here that is said elsewhere: see operations.py.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from flask import current_app
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from werkzeug.routing import Rule

from smsapp.errors import (
    BodyTooLarge,
    Bug,
    DatabaseAway,
    Forbidden,
    InvalidRequest,
    RateLimited,
    Unauthorized,
    UnsupportedMediaType,
)
from smsapp.events.fields import Event
from smsapp.events.kind import Kind
from smsapp.events.kinds import KINDS
from smsapp.field_words import names
from smsapp.web.api.answers import BatchId, EndpointId, Id, IncidentId, Sid
from smsapp.web.operations import Error, Operation
from smsapp.webhooks.types import TYPES, Type

VERSION = "1"
ABOUT = """\
JSON in and out, UTF-8. Every error is {"error": "<code>", "message": "<sentence>"}: the code is
for programs and stays, the sentence is for people. All faults of a request are told at once.

Idempotency by eventId: send the same event again, with the same eventId, whenever no answer came:
nobody is texted twice. The id is unique per kind; with other content it is refused (422).

The Location of an event's answer is where to look what became of it. X-RateLimit-Limit,
X-RateLimit-Remaining and X-RateLimit-Reset say how often the key may still call, Retry-After how
many seconds to wait, and X-Request-Id under which name the log has the request.

The contract only grows: fields, answers and values may be added, so take what you do not know."""
# By blueprint: how its part of the contract is called.
TAGS = {
    "api": ("Events", "What a service tells us happened: each is texted once."),
    "api_incidents": ("Incidents", "What is wrong; whoever is on call is told."),
    "api_deliveries": ("Deliveries", "What became of events; and canceling what waits."),
    "api_webhook_endpoints": (
        "Webhooks",
        "Hearing what became of events, signed as the Standard Webhooks specification says.",
    ),
    "api_batches": ("Batches", "Many events at once: handed in, looked at, started, paused."),
    "verify_api": ("Verification", "Proving that a number is somebody's."),
    "health": ("Health", "For whatever watches over the processes."),
}
_SECURITY = {
    "api_key": {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key: flask api-key create NAME --scope send. Each operation "
            "names the scope that it needs.",
        }
    },
    "metrics_token": {
        "metrics": {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN."}
    },
    "public": {},
}
# What every event may have and few need.
_SELDOM = {"sendAt", "locale", "channels", "metadata"}
_PATH = {
    "delivery_id": TypeAdapter(Id),
    "incident_id": TypeAdapter(IncidentId),
    "sid": TypeAdapter(Sid),
    "endpoint_id": TypeAdapter(EndpointId),
    "batch_id": TypeAdapter(BatchId),
}
# What a webhook is verified by. Source: the Standard Webhooks specification, version 1.
_SIGNED = {
    "webhook-id": "The same at every try: what came before under it is a repeat.",
    "webhook-timestamp": "When this try was signed, in seconds of Unix time.",
    "webhook-signature": "v1,… of the id, the timestamp and the body; with a blank between, one "
    "for each secret while it is rotated.",
}
_TEXT = {"type": "string"}
_TIME = {
    "type": "string",
    "format": "date-time",
    "description": "When it happened.",
    "examples": ["2026-06-02T09:00:00+00:00"],
}
_REF = "#/components/schemas/"
_ANSWER_REF = "#/components/responses/"
_LOCATION = {
    "description": "Where to look what became of it.",
    "schema": {"type": "string"},
}
_RETRY_AFTER = {
    "description": "Seconds until a repeat makes sense, where anybody knows.",
    "schema": {"type": "integer", "minimum": 1},
}

Json = dict[str, Any]


class _Schema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        """A field's name is title enough."""
        return False


@dataclass(frozen=True)
class _Place:
    """An address with what it does there; `kind` where it is one of the table's."""

    path: str
    method: str
    rule: Rule
    view: Any
    operation: Operation
    kind: Kind | None = None


def document() -> Json:
    """Return the whole contract."""
    return _made(tuple(KINDS))


@lru_cache(maxsize=4)  # anyone may ask, and it takes a twentieth of a second to make
def _made(_kinds: tuple[str, ...]) -> Json:
    places = list(_places())
    schemas = _schemas(places)
    paths: Json = {}
    answers: Json = {}
    for place in places:
        operation = _operation(place, schemas)
        operation["responses"] = {
            status: _share(answer, answers) for status, answer in operation["responses"].items()
        }
        paths.setdefault(place.path, {})[place.method] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "smsapp", "version": VERSION, "description": ABOUT},
        "tags": [{"name": name, "description": about} for name, about in TAGS.values()],
        "paths": paths,
        "webhooks": {each.name: {"post": _webhook(each, schemas)} for each in TYPES.values()},
        "components": {
            "schemas": _of_operations(places, schemas),
            "responses": dict(sorted(answers.items())),
            "securitySchemes": {
                name: scheme for each in _SECURITY.values() for name, scheme in each.items()
            },
        },
    }


def _places() -> Iterator[_Place]:
    tags = list(TAGS)
    rules = sorted(current_app.url_map.iter_rules(), key=lambda rule: rule.rule)
    for rule in sorted(rules, key=lambda rule: _at(tags, rule.endpoint.partition(".")[0])):
        view: Any = current_app.view_functions[rule.endpoint]
        operation: Operation | None = getattr(view, "operation", None)
        if operation is None:
            continue
        (method,) = set(rule.methods or ()) - {"HEAD", "OPTIONS"}
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda name: f"{{{_camel(name[1])}}}", rule.rule)
        place = _Place(path, method.lower(), rule, view, operation)
        if operation.body is not Event:
            yield place
            continue
        for kind in KINDS.values():
            its = replace(operation, body=kind.body)
            yield replace(place, path=path.format(name=kind.name), operation=its, kind=kind)


def _webhook(told: Type, schemas: Json) -> Json:
    """Return what an endpoint is posted when something happens."""
    schema = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "const": told.name},
            "timestamp": _TIME,
            "data": _ref(told.data),
        },
    }
    return {
        "operationId": "on" + "".join(part.capitalize() for part in re.split("[._]", told.name)),
        "tags": [TAGS["api_webhook_endpoints"][0]],
        "summary": told.name,
        "description": told.about,
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": about, "schema": _TEXT}
            for name, about in _SIGNED.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema, "example": example(schema, schemas)}
            },
        },
        "responses": {
            "2XX": {"description": "Taken. Anything else, or nothing in 10 seconds: sent again."}
        },
    }


def _at(tags: list[str], name: str) -> int:
    return tags.index(name) if name in tags else len(tags)


def _operation(place: _Place, schemas: Json) -> Json:
    blueprint = place.rule.endpoint.partition(".")[0]
    summary, _, more = str(place.view.__doc__).partition("\n")
    told: Json = {
        "operationId": place.kind.name if place.kind else place.view.__name__,
        "tags": [TAGS[blueprint][0]],
        "summary": place.kind.title if place.kind else summary.rstrip("."),
        "description": _about(place.kind) if place.kind else _plain(more),
        "security": [
            {name: [str(place.view.scope)] if place.view.guard == "api_key" else []}
            for name in _SECURITY[place.view.guard]
        ],
        # For /docs, and whoever else has a test key.
        "x-takes-test-keys": getattr(place.view, "takes_test_keys", False),
        "parameters": list(_parameters(place, schemas)),
        "responses": _responses(place, schemas),
    }
    if body := place.operation.body:
        told["requestBody"] = {
            "required": True,
            "content": {
                place.operation.media: {
                    "schema": _ref(body),
                    "example": _body(body, schemas),
                }
            },
        }
    return {name: value for name, value in told.items() if value not in ("", [], False)} | {
        "security": told["security"]
    }


def _about(kind: Kind) -> str:
    waits = " It waits for the morning of the customer's own clock." * kind.waits_for_morning
    return f"{_plain(kind.body.__doc__)} The customer must have agreed to {kind.purpose}.{waits}"


def _parameters(place: _Place, schemas: Json) -> Iterator[Json]:
    for name in sorted(place.rule.arguments & _PATH.keys()):
        schema = _PATH[name].json_schema()
        about = schema.pop("description")
        yield {
            "name": _camel(name),
            "in": "path",
            "required": True,
            "description": about,
            "schema": schema,
        }
    for where, model in (("query", place.operation.query), ("header", place.operation.headers)):
        if model is None:
            continue
        for name, field in schemas[model.__name__]["properties"].items():
            # Nobody can send a null there.
            schema = {k: v for k, v in present(field).items() if k != "default" or v is not None}
            about = {"description": schema.pop("description")} if "description" in schema else {}
            yield {"name": name, "in": where, "required": False, **about, "schema": schema}


def _responses(place: _Place, schemas: Json) -> Json:
    told: Json = {}
    for status, shapes in place.operation.answers.items():
        if str in shapes:
            media: Json = {place.operation.text: {"schema": {"type": "string"}}}
            told[str(status)] = {"description": "Text.", "content": media}
        else:
            follow = status == 202 and place.operation.has_location
            headers = {"headers": {"Location": _LOCATION}} if follow else {}
            told[str(status)] = _response([shape.__name__ for shape in shapes], schemas) | headers
    by_status: dict[int, list[str]] = {}
    for error in sorted(set(_errors(place)), key=lambda error: (error.status, error.code)):
        by_status.setdefault(error.status, []).append(_name(error))
    for status, its in by_status.items():
        headers = {"headers": {"Retry-After": _RETRY_AFTER}} if status in {429, 503} else {}
        told[str(status)] = _response(its, schemas) | headers
    return dict(sorted(told.items()))


def _response(names: list[str], schemas: Json) -> Json:
    refs = [{"$ref": _REF + name} for name in names]
    return {
        "description": " ".join(dict.fromkeys(schemas[name]["description"] for name in names)),
        "content": {
            "application/json": {
                "schema": refs[0] if len(refs) == 1 else {"oneOf": refs},
                "examples": {name: {"value": example(schemas[name], schemas)} for name in names},
            }
        },
    }


def _share(answer: Json, answers: Json) -> Json:
    """Keep an answer under the name of what it may be, for most calls have the same."""
    shown = answer["content"].get("application/json")
    if shown is None:
        return answer
    name = "Or".join(shown["examples"])
    answers[name] = answer
    return {"$ref": _ANSWER_REF + name}


def answers_of(operation: Json, contract: Json) -> Json:
    """Return an operation's answers by status."""
    shared = contract["components"]["responses"]
    return {
        status: shared[answer["$ref"].removeprefix(_ANSWER_REF)] if "$ref" in answer else answer
        for status, answer in operation["responses"].items()
    }


def _errors(place: _Place) -> Iterator[Error]:
    """Yield what an operation may answer besides what it is for."""
    operation, guard = place.operation, place.view.guard
    yield from operation.errors
    yield Bug
    if guard != "public":
        yield Unauthorized
    if guard == "api_key":
        yield from (Forbidden, RateLimited, DatabaseAway)
    if operation.body or operation.query:
        yield InvalidRequest
    if operation.body:
        yield BodyTooLarge
        yield UnsupportedMediaType


def _schemas(places: Iterable[_Place]) -> Json:
    """Return the schema of each model and each error by its name."""
    shapes: dict[str, Any] = {}
    shapes |= {told.data.__name__: told.data for told in TYPES.values()}
    errors: dict[str, Error] = {}
    for place in places:
        its = place.operation
        for shape in (its.body, its.query, its.headers, *sum(its.answers.values(), ())):
            if shape not in (None, str):
                shapes[shape.__name__] = shape
        for error in _errors(place):
            errors[_name(error)] = error
            shapes[error.answer.__name__] = error.answer
    _, found = TypeAdapter.json_schemas(
        [(name, "validation", TypeAdapter(shape)) for name, shape in shapes.items()],
        ref_template=_REF + "{model}",
        schema_generator=_Schema,
    )
    schemas: Json = found["$defs"]
    bases = {error.answer.__name__: schemas[error.answer.__name__] for error in errors.values()}
    named = {name: _of_error(error, bases[error.answer.__name__]) for name, error in errors.items()}
    rest = {name: schema for name, schema in schemas.items() if name not in bases}
    return dict(sorted((rest | named).items()))


def _of_operations(places: list[_Place], schemas: Json) -> Json:
    """Return those that an operation names; what is read from a query or a header is none."""
    read = {
        model.__name__
        for place in places
        for model in (place.operation.query, place.operation.headers)
        if model
    }
    return {name: schema for name, schema in schemas.items() if name not in read}


def _of_error(error: Error, base: Json) -> Json:
    """Return the schema of one error, with its own code and its sentence as the example."""
    about = error.__doc__ if isinstance(error, type) else base["description"]
    own = {
        "error": {"type": "string", "const": error.code},
        "message": {"type": "string", "examples": [error.message]},
    }
    properties = base["properties"] | own
    return base | {
        "title": _name(error),
        "description": _plain(str(about).partition("\n\n")[0]),
        "properties": properties,
    }


def present(schema: Json) -> Json:
    """Return a schema without the null that an optional field may be."""
    branches = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(branches) != 1:
        return schema
    outside = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**branches[0], **outside}


def name_of(schema: Json) -> str:
    """Return which schema one refers to."""
    return str(schema["$ref"]).removeprefix(_REF)


def example(schema: Json, schemas: Json) -> Any:
    """Return what a schema's values look like, from the examples of its fields."""
    match schema:
        case {"examples": [value, *_]} | {"const": value} | {"enum": [value, *_]}:
            return value
        case {"$ref": _}:
            return example(schemas[name_of(schema)], schemas)
        case {"anyOf": _}:
            return example(present(schema), schemas)
        case {"properties": fields, "required": needed}:
            return {name: example(fields[name], schemas) for name in needed}
        case {"items": items}:
            return [example(items, schemas)]
        case {"type": "boolean"}:
            return True
        case {"type": "integer" | "number"}:
            return 1
        case {"type": "object", "additionalProperties": values}:
            return {"name": example(values, schemas)}
    return "…"


def _body(model: type[BaseModel], schemas: Json) -> Json:
    """Return a body that is taken: of an event, with all that is its kind's own."""
    schema = schemas[model.__name__]
    wanted = set(schema["required"])
    if issubclass(model, Event):
        wanted = set(names(model)) - _SELDOM
    fields = schema["properties"].items()
    return {name: example(field, schemas) for name, field in fields if name in wanted}


def _ref(shape: Any) -> Json:
    return {"$ref": _REF + shape.__name__}


def _name(error: Error) -> str:
    schema: str = getattr(error, "schema", "")
    return schema or "".join(word.capitalize() for word in error.code.split("_"))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _plain(text: str | None) -> str:
    """Return a docstring on one line."""
    return " ".join((text or "").split())
