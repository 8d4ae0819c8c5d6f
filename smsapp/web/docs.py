"""The contract, for programs and for people: both are made of the same document."""

import json
import shlex
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, make_response, render_template
from flask.typing import ResponseReturnValue

from smsapp import api_keys
from smsapp.extensions import settings
from smsapp.models import Role
from smsapp.providers.test_carrier import ANY_OTHER, MAGIC_NUMBERS
from smsapp.web import guards
from smsapp.web.console import shell
from smsapp.web.openapi import Json, answers_of, document, example, name_of, present

bp = Blueprint("docs", __name__)

# What stands for it where nobody can know the reader's own.
YOUR_KEY = "<your key>"
FORM = "multipart/form-data"
_FORMATS = {"date-time": "time", "date": "date", "uuid": "UUID"}


@dataclass(frozen=True)
class Field:
    """A row of a table: a field or a parameter, in words."""

    name: str
    is_required: bool
    type: str
    about: str
    example: str | None


@dataclass(frozen=True)
class Operation:
    """A call as the page shows it.

    `answers` are (status, shape, example), `errors` (status, name of the schema, code).
    """

    id: str
    method: str
    path: str
    title: str
    about: str
    scopes: list[str]
    parameters: list[Field]
    fields: list[Field]
    curl: str
    answers: list[tuple[str, str, str]]
    errors: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Webhook:
    """What an endpoint is posted, as the page shows it; `shape` is that of its data."""

    name: str
    about: str
    shape: str
    example: str


@bp.get("/openapi.json")
@guards.public
def openapi() -> ResponseReturnValue:
    """Return the contract as OpenAPI 3.1."""
    return {**document(), "servers": [{"url": settings().public_base_url}]}


@bp.get("/docs")
@guards.public
def show() -> ResponseReturnValue:
    """Show the contract to people."""
    api, base, key = document(), settings().public_base_url, _test_key()
    schemas = api["components"]["schemas"]
    operations = [
        (told["tags"][0], _operation(base, method, path, told, api, key))
        for path, methods in api["paths"].items()
        for method, told in methods.items()
    ]
    sections = [
        (
            tag["name"],
            tag["description"],
            [each for name, each in operations if name == tag["name"]],
        )
        for tag in api["tags"]
    ]
    errors = {name for _, each in operations for _, name, _ in each.errors}
    webhooks = [_webhook(name, each["post"]) for name, each in api["webhooks"].items()]
    answered = {name for _, each in operations for _, name, _ in each.answers}
    shapes = _named(answered | {each.shape for each in webhooks}, schemas)
    page = render_template(
        "docs/docs.html",
        has_key=key is not None,
        magic_numbers=(*MAGIC_NUMBERS, ANY_OTHER),
        about=api["info"]["description"].split("\n\n"),
        sections=sections,
        webhooks=webhooks,
        shapes=[
            (name, schemas[name]["description"], fields(schemas[name], schemas)) for name in shapes
        ],
        errors=[(name, schemas[name]) for name in sorted(errors)],
    )
    answer = make_response(page)
    answer.vary.add("Cookie")
    if key is not None:
        answer.headers["Cache-Control"] = "no-store"
    return answer


def _test_key() -> str | None:
    """Return a key that texts nobody, for whoever is signed in to the console and may act."""
    reader = shell.signed_in()
    if reader is None or reader.role is not Role.OPERATOR:
        return None
    return api_keys.for_trying(reader.name, settings().secret_key.get_secret_value().encode())


def _operation(
    base: str, method: str, path: str, told: Json, api: Json, key: str | None
) -> Operation:
    schemas = api["components"]["schemas"]
    ((media, body),) = told.get("requestBody", {}).get("content", {"": None}).items()
    answers = [
        (status, name, json.dumps(shown["value"], indent=2, ensure_ascii=False))
        for status, answer in answers_of(told, api).items()
        for media in answer["content"].values()
        for name, shown in media.get("examples", {}).items()
    ]
    scopes = [scope for security in told["security"] for its in security.values() for scope in its]
    good_key = key if told.get("x-takes-test-keys") else None
    return Operation(
        id=told["operationId"],
        method=method.upper(),
        path=path,
        title=told["summary"],
        about=told.get("description", ""),
        scopes=scopes,
        parameters=[_parameter(each, schemas) for each in told.get("parameters", [])],
        fields=fields(schemas[name_of(body["schema"])], schemas) if body else [],
        curl=_curl(base, method, path, told, (media, body), schemas, good_key or YOUR_KEY),
        answers=[each for each in answers if each[0] < "400"],
        errors=[
            (status, name, schemas[name]["properties"]["error"]["const"])
            for status, name, _ in answers
            if status >= "400"
        ],
    )


def _webhook(name: str, told: Json) -> Webhook:
    body = told["requestBody"]["content"]["application/json"]
    shape = name_of(body["schema"]["properties"]["data"])
    shown = json.dumps(body["example"], indent=2, ensure_ascii=False)
    return Webhook(name, told["description"], shape, shown)


def _curl(
    base: str,
    method: str,
    path: str,
    told: Json,
    body: tuple[str, Json | None],
    schemas: Json,
    key: str,
) -> str:
    """Return a command that makes the call, with the examples for values."""
    media, said = body
    shown = said and said["example"]
    ids = {
        each["name"]: example(each["schema"], schemas)
        for each in told.get("parameters", [])
        if each["in"] == "path"
    }
    lines = [f"curl {shlex.quote(base + path.format_map(ids))}"]
    if method == "post" and shown is None:
        lines[0] += " -X POST"
    if told["security"]:
        lines.append(f"-H 'Authorization: Bearer {key}'")
    if shown is not None and media == FORM:
        lines += [f"-F {shlex.quote(f'{name}={value}')}" for name, value in shown.items()]
    elif shown is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(json.dumps(shown, ensure_ascii=False))}")
    return " \\\n  ".join(lines)


def _parameter(told: Json, schemas: Json) -> Field:
    field = _field(told["name"], told["schema"], told["required"], schemas)
    about = told.get("description", "")
    return replace(field, type=f"in the {told['in']}: {field.type}", about=about)


def fields(schema: Json, schemas: Json) -> list[Field]:
    """Return a row for each field of an object."""
    required = schema.get("required", ())
    return [
        _field(name, each, name in required, schemas) for name, each in schema["properties"].items()
    ]


def _field(name: str, schema: Json, is_required: bool, schemas: Json) -> Field:
    told = present(schema)
    shown = next((each for each in told.get("examples", ()) if each is not None), None)
    return Field(
        name,
        is_required,
        type_of(schema, schemas),
        told.get("description", ""),
        None if shown is None else json.dumps(shown, ensure_ascii=False),
    )


def type_of(schema: Json, schemas: Json) -> str:
    """Return what a value may be, in words: "string, 6 to 120 characters"."""
    told = present(schema)
    null = " or null" if told is not schema and schema.get("default", ...) is not None else ""
    if "$ref" in told:
        its = schemas[name_of(told)]
        return (type_of(its, schemas) if "enum" in its else name_of(told)) + null
    if "const" in told:
        return json.dumps(told["const"]) + null
    if "enum" in told:
        return f"one of {', '.join(told['enum'])}{null}"
    word = _FORMATS.get(told.get("format", ""), told.get("type", "any"))
    if word == "array":
        word = f"list of {type_of(told['items'], schemas)}"
    return f"{word}{_limits(told)}{null}"


def _limits(told: Json) -> str:
    least, most = told.get("minLength"), told.get("maxLength")
    if most is not None:
        return f", {least} to {most} characters" if least else f", at most {most} characters"
    if "maxItems" in told:
        return f", at most {told['maxItems']}"
    if "maximum" in told:
        return f" from {told['minimum']} to {told['maximum']}"
    return ""


def _named(names: set[str], schemas: Json) -> list[str]:
    """Return shapes with those that they are made of, by name."""
    found, rest = set[str](), set(names)
    while rest:
        found |= rest
        rest = {name for of in rest for name in _refs(schemas[of])} - found
    return sorted(name for name in found if "properties" in schemas[name])


def _refs(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for each in schema for name in _refs(each)]
    if not isinstance(schema, dict):
        return []
    own = [name_of(schema)] if "$ref" in schema else []
    return own + [name for each in schema.values() for name in _refs(each)]
