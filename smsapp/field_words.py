"""What is wrong with a field, in our words: pydantic's are another voice's, and change with it."""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

# By pydantic's type of error, from its context: what follows a field's name.
# Source: https://docs.pydantic.dev/2.13/errors/validation_errors/
_OF_FIELD: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "must be given",
    "string_type": lambda _: "must be a string",
    "string_too_short": lambda given: f"must have at least {_characters(given['min_length'])}",
    "string_too_long": lambda given: f"must have at most {_characters(given['max_length'])}",
    "string_unicode": lambda _: "must be whole Unicode characters: half of one is no text",
    "bool_type": lambda _: "must be true or false",
    "list_type": lambda _: "must be a list",
    "literal_error": lambda given: f"must be {given['expected']}".replace("'", ""),
    "value_error": lambda given: str(given["error"]),
}
_NO_OBJECT = "Send a JSON object."
_NO_JSON = "The body is not JSON"
_PLACE = re.compile(r"line (\d+) column (\d+)")

# Longer names than any of ours are not repeated, and neither is what nobody can read.
_LONGEST_NAME = 40
# Of how many letters two names must agree in to be taken for one: "consentedAt" and "consentAt".
_ALIKE = 0.85


def faults(
    model: type[BaseModel], error: ValidationError, given: Iterable[str]
) -> tuple[dict[str, list[str]], list[str]]:
    """Return all that is wrong with what was given under these names: by name, and as a whole."""
    fields: dict[str, list[str]] = {}
    form: list[str] = []
    for fault in error.errors(include_url=False, include_input=False):
        context = fault.get("ctx", {})
        if fault["loc"]:
            words = _OF_FIELD.get(fault["type"])
            text = words(context) if words else "is not valid"
            fields.setdefault(str(fault["loc"][0]), []).append(text)
        else:
            form.append(_of_body(fault["type"], str(context.get("error", ""))))
    return fields | misspelt(names(model), given), form


def names(model: type[BaseModel]) -> list[str]:
    """Return a model's fields as callers write them."""
    return [str(field.alias or name) for name, field in model.model_fields.items()]


def misspelt(ours: Sequence[str], given: Iterable[str]) -> dict[str, list[str]]:
    """Return names that must be meant for ones of ours which are not given.

    Those that we do not know are ignored; one of ours that is ignored would be a text without its
    link, or one where none was wanted.
    """
    given = list(given)
    absent = {plain(name): name for name in ours if name not in given}
    found = {}
    for name in given:
        if name not in ours and len(name) <= _LONGEST_NAME and name.isprintable():
            for alike in difflib.get_close_matches(plain(name), absent, n=1, cutoff=_ALIKE):
                found[name] = [f"did you mean {absent[alike]}?"]
    return found


def plain(name: str) -> str:
    """Return a name's letters: "tracking_url" and "trackingURL" are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _of_body(kind: str, why: str) -> str:
    if kind != "json_invalid":
        return _NO_OBJECT
    place = _PLACE.search(why)
    return f"{_NO_JSON}, from line {place[1]}, column {place[2]} on." if place else f"{_NO_JSON}."


def _characters(count: int) -> str:
    return f"{count} character{'s' if count != 1 else ''}"
