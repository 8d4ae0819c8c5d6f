"""The contract at /openapi.json: it is valid, it knows all that runs, and what runs keeps to it."""

import io
import re
from threading import Event

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from smsapp.api_keys import Scope
from smsapp.events.kinds import KINDS
from smsapp.recipients.refusals import REFUSALS
from smsapp.web import openapi
from smsapp.webhooks import sending
from smsapp.webhooks.types import TYPES
from tests.conftest import (
    make_app,
    on_one_database,
    opt_out,
    settings_of,
    shipment,
    sid,
    text_in,
)
from tests.oncall.conftest import ANN, put_in

pytestmark = on_one_database

KNOWN = "/api/deliveries/{deliveryId}"


@pytest.fixture
def contract(client):
    return client.get("/openapi.json").json


def operations(contract):
    """Return (method, path, operation) of each."""
    return [
        (method, path, operation)
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
    ]


def closed(schema):
    """Return a schema that takes no field which it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    ends = {"additionalProperties": False} if "properties" in schema else {}
    return ends | {name: closed(each) for name, each in schema.items()}


@pytest.fixture
def keeps(contract):
    """Check that an answer is one that its operation has, with no field that it doesn't."""
    components = closed(contract["components"])

    def check(answer, method, path):
        answers = openapi.answers_of(contract["paths"][path][method], contract)
        told = answers[str(answer.status_code)]
        schema = told["content"]["application/json"]["schema"] | {"components": components}
        jsonschema_rs.validate(schema, answer.json, validate_formats=True)
        return answer

    return check


def sent(operation):
    """Return the example of an operation's body, as a client of the tests' sends it."""
    ((media, told),) = operation["requestBody"]["content"].items()
    if media == "application/json":
        return {"json": told["example"]}
    file = io.BytesIO(told["example"]["file"].encode())
    return {"data": told["example"] | {"file": (file, "rows.csv")}}


def test_it_is_valid(contract):
    validate(contract)


def test_it_is_of_the_address_where_we_are_reached(app, client):
    with settings_of(app, PUBLIC_BASE_URL="https://shop.example/sms"):
        assert client.get("/openapi.json").json["servers"] == [{"url": "https://shop.example/sms"}]


def test_it_has_each_address_for_services_and_each_kind(contract):
    rules = {re.sub("<.*?>", "{}", rule.rule) for rule in make_app().url_map.iter_rules()}
    ours = {rule for rule in rules if rule.startswith("/api/")} - {"/api/events/{}"}
    kinds = {f"/api/events/{kind}" for kind in KINDS}
    told = {re.sub("{.*?}", "{}", path) for path in contract["paths"]}
    assert told == ours | kinds | {"/healthz", "/readyz", "/metrics"}


def test_it_says_which_scope_each_operation_needs(contract, make_service):
    without = {scope: make_service(scope, *({*Scope} - {scope})) for scope in Scope}
    for method, path, operation in operations(contract):
        for security in operation["security"]:
            for scope in security.get("key", ()):
                known = "01a1fc1e-7c3e-7d5a-9d0b-6f1c2b3a4d5e"
                names = ("deliveryId", "batchId", "incidentId", "endpointId")
                at = path.format(**dict.fromkeys(names, known), sid=sid(1))
                service = without[scope]
                answer = service.client.open(at, method=method.upper(), headers=service.headers)
                assert answer.json["error"] == "forbidden", path


def test_each_field_of_a_body_has_an_example_and_each_answer_one_that_fits(contract, keeps):
    components = closed(contract["components"])
    for _, path, operation in operations(contract):
        for answer in openapi.answers_of(operation, contract).values():
            media = answer["content"].get("application/json", {"examples": {}})
            for told in media["examples"].values():
                jsonschema_rs.validate(media["schema"] | {"components": components}, told["value"])
        if "requestBody" in operation:
            (media,) = operation["requestBody"]["content"].values()
            name = media["schema"]["$ref"].rpartition("/")[2]
            for field in contract["components"]["schemas"][name]["properties"].values():
                either = [field, *field.get("anyOf", ())]
                assert any({"examples", "enum"} & set(each) for each in either), (path, field)


def test_the_example_of_each_body_is_taken(app, contract, make_service, twilio, verify, keeps):
    service = make_service("shop", *Scope)
    put_in(app, "Ann", ANN)
    opened = None
    for method, path, operation in operations(contract):
        if "requestBody" in operation:
            at = path.format(incidentId=opened)
            answer = keeps(service.post(at, **sent(operation)), method, path)
            assert answer.status_code < 300, (path, answer.json)
            opened = answer.json.get("incidentId", opened)


CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


def test_what_an_endpoint_is_told_is_as_it_says(contract, app, shop, twilio, sink, make_endpoint):
    """Of all that there is: a webhook of each type is in the contract, with an example."""
    make_endpoint(sink.url, wants_bodies=True)
    shop.ships(metadata={"cart": "77"})
    text_in(app, sid(7), "+12025550123", "STOP")
    text_in(app, sid(8), "+12025550123", "START")
    with app.app_context():
        sending.send_due(Event())
    components = closed(contract["components"])
    assert contract["webhooks"].keys() == TYPES.keys()
    assert len(sink.told) >= 5
    for told in [*sink.told, *(media(contract, name)["example"] for name in TYPES)]:
        schema = closed(media(contract, told["type"])["schema"]) | {"components": components}
        jsonschema_rs.validate(schema, told, validate_formats=True)


def media(contract, name):
    body = contract["webhooks"][name]["post"]["requestBody"]
    return body["content"]["application/json"]


def test_whatever_is_sent_is_answered_as_it_says(app, make_service, twilio, verify):
    key = make_service("shop", *Scope).headers
    put_in(app, "Ann", ANN)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    for operation in (found.ok() for found in schema.get_all_operations()):
        # Every string is a path, and nothing is no fault.
        may_be_wrong = operation.body or operation.query
        for mode in GenerationMode if may_be_wrong else [GenerationMode.POSITIVE]:

            @seed(4)
            @settings(
                max_examples=5,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(operation.as_strategy(generation_mode=mode, headers=key))
            def is_answered(case):
                case.call_and_validate(checks=CHECKS)

            is_answered()


def test_every_way_that_an_event_goes_is_answered_as_it_says(app, shop, twilio, keeps):
    path = "/api/events/order_shipped"

    def tells(event_id, query="", **changes):
        event = shipment(event_id, **changes)
        return keeps(shop.post(f"{path}{query}", json=event), "post", path)

    assert tells("first-event").json["status"] == "sent"
    assert tells("first-event").json["duplicate"] is True
    assert tells("first-event", orderId="2").json["error"] == "event_id_reused"
    assert tells("first-event", "?dryRun=true").json["why"]["code"] == "duplicate"
    assert tells("planned-event", "?dryRun=true").json["wouldSend"] is True
    twilio.rejects(30003)
    assert tells("later-event").json["status"] == "pending"
    twilio.rejects(21211)
    assert tells("wrong-number").json["error"] == "sms_delivery_failed"
    assert tells("wrong-number").json["duplicate"] is True
    assert tells("no-consent", phone="+447700900456", consentAt=None).status_code == 409
    assert tells("faulty-event", phone="1", orderId=None).json["error"] == "invalid_request"
    opt_out(app, "+447700900123")
    for _ in range(2):
        assert tells("opted-out", phone="+447700900123").json["error"] in REFUSALS


def test_every_way_that_a_delivery_goes_is_told_as_it_says(shop, twilio, keeps):
    appointment = shipment(
        "visit-7-booked",
        orderId=None,
        trackingUrl=None,
        appointmentId="7",
        startsAt="2030-06-03T15:00:00+02:00",
        metadata={"cart": "77"},
    )
    booked = "/api/events/appointment_booked"
    assert len(keeps(shop.post(booked, json=appointment), "post", booked).json["reminders"]) == 2
    twilio.rejects(30003)
    shop.ships("late-event")
    page = keeps(shop.get("/api/deliveries"), "get", "/api/deliveries").json["data"]
    assert {row["status"] for row in page} == {"sent", "pending"}
    for row in page:
        at = f"/api/deliveries/{row['deliveryId']}"
        assert keeps(shop.get(at), "get", KNOWN).json["status"] == row["status"]
        answer = keeps(shop.post(f"{at}/cancel"), "post", f"{KNOWN}/cancel")
        assert answer.status_code == (200 if row["status"] == "pending" else 409)
    keeps(shop.get("/api/deliveries?eventId=late-event"), "get", "/api/deliveries")
    keeps(shop.get(f"/api/messages/{sid(1)}"), "get", "/api/messages/{sid}")
    for path in ("/healthz", "/readyz"):
        keeps(shop.client.get(path), "get", path)
