"""The contract only grows: nothing that docs/openapi.json promises is taken back."""

import copy
import json

import pytest

from smsapp.web import openapi
from tests.conftest import make_app
from tests.contract import COPY, lost


@pytest.fixture(scope="module")
def promised():
    return json.loads(COPY.read_text())


@pytest.fixture(scope="module")
def runs():
    with make_app().app_context():
        return json.loads(json.dumps(openapi.document()))


def test_what_runs_keeps_every_promise(promised, runs):
    assert lost(promised, runs) == []


def test_the_copy_has_all_that_runs(promised, runs):
    assert promised == runs, "It has grown. To promise that: .venv/bin/python -m tests.contract"


PATH = "/api/events/order_ready"
ANSWER = "/api/deliveries/{deliveryId}"


def body(contract):
    return contract["components"]["schemas"]["OrderReady"]


def parameter(contract, name):
    told = contract["paths"]["/api/deliveries"]["get"]["parameters"]
    return next(each for each in told if each["name"] == name)


def schema(contract, name):
    return contract["components"]["schemas"][name]


def either(contract, name):
    """Return what an answer may be, by the beginning of its name."""
    answers = contract["components"]["responses"].items()
    (found,) = (answer for each, answer in answers if each.startswith(name))
    return found["content"]["application/json"]["schema"]["oneOf"]


TAKEN_BACK = {
    "a path": lambda c: c["paths"].pop(PATH),
    "a method": lambda c: c["paths"][ANSWER].pop("get"),
    "a scope": lambda c: c["paths"][ANSWER]["get"].update(security=[{"key": ["send"]}]),
    "an answer": lambda c: c["paths"][PATH]["post"]["responses"].pop("409"),
    "a kind of answer": lambda c: either(c, "ConsentWithdrawnOr").pop(),
    "a parameter": lambda c: c["paths"]["/api/deliveries"]["get"]["parameters"].pop(),
    "a parameter that may be left out": lambda c: parameter(c, "kind").update(required=True),
    "a value of a parameter": lambda c: parameter(c, "kind")["schema"]["enum"].pop(),
    "a field that is taken": lambda c: body(c)["properties"].pop("until"),
    "a field that may be left out": lambda c: body(c)["required"].append("until"),
    "a null that is taken": lambda c: body(c)["properties"]["until"]["anyOf"].pop(),
    "some of a length": lambda c: body(c)["properties"]["place"].update(maxLength=79),
    "what is short enough": lambda c: body(c)["properties"]["place"].update(minLength=2),
    "what fitted a pattern": lambda c: body(c)["properties"]["place"].update(pattern="^[a-z]+$"),
    "a type": lambda c: body(c)["properties"]["place"].update(type="integer"),
    "a field that is answered": lambda c: schema(c, "Outline")["properties"].pop("country"),
    "what always was there": lambda c: schema(c, "DeliveryAnswer")["required"].remove("country"),
    "what never was null": lambda c: schema(c, "Outline")["properties"].update(
        country={"anyOf": [{"type": "string"}, {"type": "null"}]}
    ),
    "a value that is answered": lambda c: schema(c, "DeliveryState")["enum"].remove("sent"),
    "something that is told": lambda c: c["webhooks"].pop("delivery.sent"),
    "a field that is told": lambda c: schema(c, "OptOutData")["properties"].pop("phoneKey"),
    "an error's code": lambda c: schema(c, "OptedOut")["properties"]["error"].update(
        const="stopped"
    ),
}


@pytest.mark.parametrize("what", TAKEN_BACK)
def test_what_is_taken_back_is_found(runs, what):
    newer = copy.deepcopy(runs)
    TAKEN_BACK[what](newer)
    assert lost(runs, newer)


ADDED = {
    "a path": lambda c: c["paths"].update({"/api/new": c["paths"][PATH]}),
    "a field to send": lambda c: body(c)["properties"].update(gate={"type": "string"}),
    "a longer field": lambda c: body(c)["properties"]["place"].update(maxLength=200),
    "a field that may be left out": lambda c: body(c)["required"].remove("place"),
    "a field to answer": lambda c: schema(c, "Outline")["properties"].update(
        cost={"type": "number"}
    ),
    "a value": lambda c: schema(c, "DeliveryState")["enum"].append("bounced"),
    "an answer": lambda c: c["paths"][PATH]["post"]["responses"].update(
        {"410": c["paths"][PATH]["post"]["responses"]["409"]}
    ),
    "other words": lambda c: body(c).update(description="Otherwise said."),
}


@pytest.mark.parametrize("what", ADDED)
def test_what_is_added_takes_nothing_back(runs, what):
    newer = copy.deepcopy(runs)
    ADDED[what](newer)
    assert lost(runs, newer) == []
