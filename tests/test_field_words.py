"""What is wrong with a body is said in our words, whatever pydantic finds."""

import json

import pytest
from pydantic import ValidationError

from smsapp import field_words
from smsapp.events.kinds import KINDS
from smsapp.events.order_shipped import OrderShippedSms
from smsapp.web.api.verify import Check, Start

BODIES = [OrderShippedSms, *(kind.body for kind in KINDS.values()), Start, Check]
VALUES = [None, True, 7, 1.5, [], {}, "", " ", "x", "x" * 1000, "\0", "half \ud83d", "2026-99-99"]


def pydantics(body, given):
    """Return pydantic's faults, of a JSON body and of one that Python had to read."""
    found = []
    for read in (
        lambda: body.model_validate_json(json.dumps(given)),
        lambda: body.model_validate(given),
    ):
        try:
            read()
        except ValidationError as error:
            found.append(error)
    return found


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_every_fault_that_a_field_can_have_is_in_our_words(body):
    names = [str(field.alias or name) for name, field in body.model_fields.items()]
    givens = [{name: value} for name in names for value in VALUES]
    for error in [error for given in givens for error in pydantics(body, given)]:
        of_fields = [fault for fault in error.errors() if fault["loc"]]
        assert {fault["type"] for fault in of_fields} <= field_words._OF_FIELD.keys()
        fields, _ = field_words.faults(body, error, ())
        assert sum(len(texts) for texts in fields.values()) == len(of_fields)
        theirs = {fault["msg"] for fault in of_fields if fault["type"] != "value_error"}
        assert theirs.isdisjoint(text for texts in fields.values() for text in texts)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[1]", "Send a JSON object."),
        (b"null", "Send a JSON object."),
        (b'{"a": 1,}', "The body is not JSON, from line 1, column 9 on."),
        (b"{\n 'a'}", "The body is not JSON, from line 2, column 2 on."),
        (b"\xff", "The body is not JSON, from line 1, column 1 on."),
    ],
)
def test_a_body_that_is_none_is_told_so_with_the_place(body, words):
    with pytest.raises(ValidationError) as caught:
        Check.model_validate_json(body)
    assert field_words.faults(Check, caught.value, ()) == ({}, [words])


def test_a_name_that_cannot_be_read_or_is_long_is_not_repeated():
    ours = ["phone", "code"]
    assert field_words.misspelt(ours, ["co\nde", "co" + "-" * 40 + "de", "co\ud83dde"]) == {}
    assert field_words.misspelt(ours, ["Code"]) == {"Code": ["did you mean code?"]}
