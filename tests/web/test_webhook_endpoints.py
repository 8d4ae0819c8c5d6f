"""Services make endpoints, see how they do, and have told again what was missed."""

from threading import Event

import pytest

from smsapp.api_keys import Scope
from smsapp.models import Webhook, WebhookEndpoint
from smsapp.webhooks import endpoints
from smsapp.webhooks.ids import message_id
from smsapp.webhooks.sending import send_due
from tests.conftest import ALICE, change, on_one_database, settings_of, sid, text_in
from tests.sinks import verified

pytestmark = on_one_database
PATH = "/api/webhook-endpoints"
SHOP = {"name": "shop", "url": "https://shop.example.com/hook"}


@pytest.fixture
def service(make_service):
    return make_service("hooks", Scope.WEBHOOKS)


def test_an_endpoint_is_made_and_its_secret_told_once(app, service, sink):
    made = service.post(PATH, json=SHOP | {"url": sink.url, "includeBodies": True})
    assert made.status_code == 201
    text_in(app, sid(1), ALICE, "hello")
    with app.app_context():
        send_due(Event())
    told = verified(made.json["secret"], sink.got[0])
    assert (told["type"], told["data"]["body"]) == ("message.received", "hello")
    (listed,) = service.get(PATH).json["data"]
    assert listed == {name: made.json[name] for name in made.json if name != "secret"}
    assert (listed["events"], listed["status"], listed["waiting"]) == (None, "enabled", 0)


FAULTY = {
    "name": ["", " ", "x" * 41, "a\x00b", None, 7],
    "url": ["http://shop.example.com/", "https://me:x@shop.example.com/", "https://10.0.0.1/", 7],
    "events": [[], ["delivery.lost"], "delivery.sent", [7]],
    "includeBodies": ["yes", 1],
}


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, vs in FAULTY.items() for v in vs])
def test_what_is_wrong_is_told_by_field(service, rows, field, value):
    answer = service.post(PATH, json=SHOP | {field: value})
    assert answer.status_code == 400
    assert list(answer.json["details"]["fieldErrors"]) == [field]
    assert rows.all(WebhookEndpoint) == []


def test_all_faults_are_told_at_once(service):
    answer = service.post(PATH, json={"url": "https://me:x@shop.example.com/", "events": []})
    faults = answer.json["details"]["fieldErrors"]
    assert set(faults) == {"name", "url", "events"}
    assert "no user name or password" in faults["url"][0]


def test_a_name_is_given_once(service):
    assert service.post(PATH, json=SHOP).status_code == 201
    again = service.post(PATH, json=SHOP)
    assert (again.status_code, again.json["error"]) == (409, "name_taken")


def test_it_is_disabled_enabled_and_given_another_secret(service):
    made = service.post(PATH, json=SHOP).json
    at = f"{PATH}/{made['id']}"
    assert service.post(f"{at}/disable").json["status"] == "disabled"
    assert service.post(f"{at}/enable").json["status"] == "enabled"
    rotated = service.post(f"{at}/rotate").json
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]
    for act in ("disable", "enable", "rotate", "replay"):
        nobody = f"{PATH}/01a1fc1e-7c3e-7d5a-9d0b-6f1c2b3a4d5e/{act}"
        assert service.post(nobody).json["error"] == "not_found"


def test_what_was_missed_is_replayed_by_id_or_time(app, service, rows, now):
    at = f"{PATH}/{service.post(PATH, json=SHOP).json['id']}/replay"
    text_in(app, sid(1), ALICE, "hello")

    def dies():
        change(app, Webhook, state="dead", due_at=None, done_at=now)

    dies()
    assert service.get(PATH).json["data"][0]["dead"] == 1
    assert service.post(f"{at}?until=2026-01-01T00:00:00Z").json == {"replayed": 0}
    answer = service.post(f"{at}?since=2026-01-01T00:00:00%2B00:00")
    assert (answer.status_code, answer.json) == (202, {"replayed": 1})
    dies()
    assert service.post(at).json == {"replayed": 1}
    dies()
    name = message_id(rows.one(Webhook).message_id)
    assert service.post(f"{at}?id={name}").json == {"replayed": 1}
    for bad in ("id=msg_1", "since=yesterday", "id=%00"):
        assert service.post(f"{at}?{bad}").status_code == 400


def test_private_addresses_are_for_staging(app, service):
    private = SHOP | {"url": "http://127.0.0.1:9/hook"}
    assert service.post(PATH, json=private).status_code == 400
    with settings_of(app, WEBHOOK_ALLOW_PRIVATE="true"):
        assert service.post(PATH, json=private).status_code == 201


def test_no_more_are_enabled_than_a_worker_can_tell(service, run, monkeypatch):
    monkeypatch.setattr(endpoints, "MOST_ENABLED", 1)
    one = service.post(PATH, json=SHOP).json["id"]
    another = service.post(PATH, json=SHOP | {"name": "two"})
    assert (another.status_code, another.json["error"]) == (409, "too_many_endpoints")
    assert service.post(f"{PATH}/{one}/enable").status_code == 200
    assert service.post(f"{PATH}/{one}/disable").status_code == 200
    assert run("webhook-endpoint", "create", "two", SHOP["url"]).exit_code == 0
    assert service.post(f"{PATH}/{one}/enable").status_code == 409
    assert "disable one first" in run("webhook-endpoint", "enable", "shop").output
