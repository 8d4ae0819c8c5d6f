"""What a request asks for, or all that is wrong with it."""

import json
from typing import Annotated, Any, TypeVar

from flask import request
from pydantic import BaseModel, Field, ValidationError
from werkzeug.http import parse_list_header

from smsapp import field_words
from smsapp.errors import InvalidRequest, UnsupportedMediaType

Model = TypeVar("Model", bound=BaseModel)


class Preferences(BaseModel):
    """The header that `prefers` reads."""

    prefer: Annotated[
        str | None,
        Field(
            alias="Prefer",
            description="With respond-async (RFC 7240) the answer does not wait for Twilio; "
            "Preference-Applied says so.",
            examples=["respond-async"],
        ),
    ] = None


def prefers(preference: str) -> bool:
    """Whether the caller asked for it in a Prefer header (RFC 7240)."""
    asked = parse_list_header(request.headers.get("Prefer", ""))
    return preference in {part.partition(";")[0].strip().lower() for part in asked}


def true_or_false(value: object) -> bool:
    """Read a parameter that says yes or no."""
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value == "true"


def parameter(name: str) -> str | None:
    """Return a parameter of the request's query; None without one.

    Raises:
        InvalidRequest: There is one that must be meant for it.
    """
    if slips := field_words.misspelt([name], request.args):
        raise InvalidRequest(extra=details(slips))
    return request.args.get(name)


def parse(model: type[Model]) -> Model:
    """Return the request's JSON body as a `model`.

    Raises:
        UnsupportedMediaType: It is not sent as JSON.
        InvalidRequest: With all faults by field.
    """
    if not request.is_json:
        raise UnsupportedMediaType
    body = request.get_data()
    if request.content_length is None:
        # A chunked body does not say its size and is cut at the limit in silence; to read on
        # where it was cut raises a 413.
        request.stream.read(1)
    try:
        parsed = model.model_validate_json(body)
    except ValidationError as error:
        by_field = _by_field(model, error)
        fields, form = field_words.faults(model, by_field, _names_in(body))
        raise InvalidRequest(extra=details(fields, form)) from None
    if parsed.model_extra and (
        strange := field_words.misspelt(field_words.names(model), json.loads(body))
    ):
        raise InvalidRequest(extra=details(strange))
    return parsed


def parse_query(model: type[Model]) -> Model:
    """Return the parameters of the request's query as a `model`; one given twice is a list.

    Raises:
        InvalidRequest: With all faults by parameter.
    """
    given = request.args.to_dict(flat=False)
    values = {name: many[0] if len(many) == 1 else many for name, many in given.items()}
    try:
        parsed = model.model_validate(values)
    except ValidationError as error:
        fields, form = field_words.faults(model, error, given)
        raise InvalidRequest(extra=details(fields, form)) from None
    if strange := field_words.misspelt(field_words.names(model), given):
        raise InvalidRequest(extra=details(strange))
    return parsed


def _names_in(body: bytes) -> list[str]:
    """Return the names of a JSON object's fields; none of what is none."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return list(given) if isinstance(given, dict) else []


def _by_field(model: type[BaseModel], error: ValidationError) -> ValidationError:
    """Return the faults field by field where the JSON as a whole could not be read.

    Python's reader takes what pydantic's does not, such as half a surrogate pair, and so the
    field that holds it can be named.
    """
    if error.errors()[0]["type"] != "json_invalid":
        return error
    try:
        model.model_validate(json.loads(request.get_data().decode()))
    except ValidationError as by_field:
        return by_field
    except (ValueError, RecursionError):
        pass
    return error


def details(fields: dict[str, list[str]], form: list[str] | None = None) -> dict[str, Any]:
    """Return faults as an invalid_request carries them."""
    return {"details": {"formErrors": form or [], "fieldErrors": fields}}
