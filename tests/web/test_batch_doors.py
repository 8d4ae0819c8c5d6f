"""Batches through their doors: a key of the right scope, or an operator in a browser."""

import io
import re

import pytest

from smsapp.api_keys import Scope
from smsapp.batches import expanding
from smsapp.models import Delivery, Phone, Role
from tests.batches.conftest import kept, number, ready
from tests.conftest import on_one_database, run_worker, settings_of
from tests.web.conftest import HTTPS, token_in

pytestmark = on_one_database


@pytest.fixture
def service(make_service):
    return make_service("shop", Scope.BATCH)


def hands_in(service, content, query="", **fields):
    file = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    data = {"name": "june", "kind": "order_ready"} | fields | {"file": (file, "june.csv")}
    return service.post(f"/api/batches{query}", data=data)


def test_a_service_hands_in_starts_and_reads_what_became_of_each_row(app, service, twilio):
    with settings_of(app, QUIET_HOURS="none"), app.app_context():
        answer = hands_in(service, ready(2) + "nobody,1,x,\n")
        assert answer.status_code == 201
        assert answer.json["status"] == "ready"
        assert answer.json["report"]["wouldSend"] == 2
        assert answer.json["report"]["faults"][0]["row"] == 4
        assert hands_in(service, ready(2) + "nobody,1,x,\n").status_code == 200
        at = answer.headers["Location"]
        assert service.post(f"{at}/start").json["error"] == "batch_faulty"
        assert service.post(f"{at}/start?skipFaulty=true").json["status"] == "running"
        expanding.tick()
        run_worker(app)
    assert service.get(at).json["deliveries"] == {"sent": 2}
    results = service.get(f"{at}/results")
    assert results.mimetype == "text/csv"
    assert number(1)[1:] not in results.text
    assert len(results.text.splitlines()) == 4
    assert service.post(f"{at}/pause").json["status"] == "paused"
    assert service.post(f"{at}/resume").json["status"] == "running"
    assert service.post(f"{at}/cancel").json["status"] == "canceled"
    assert service.post(f"{at}/start").json["error"] == "batch_not_in_state"


def test_a_dry_run_tells_and_keeps_nothing(app, service):
    answer = hands_in(service, ready(2), "?dryRun=true")
    assert answer.json["report"]["wouldSend"] == 2
    with app.app_context():
        assert kept(Phone) == []


def test_what_is_wrong_with_a_batch_is_told_by_field(service):
    answer = hands_in(service, "phone,place\n", name=" ", kind="announcement", purpose="fun")
    fields = answer.json["details"]["fieldErrors"]
    assert {"name", "purpose", "text"} <= fields.keys()
    latin = ready(1).replace("Hill", "Hügel").encode("latin-1")
    assert "UTF-8" in hands_in(service, latin).json["details"]["fieldErrors"]["file"][0]
    assert service.post("/api/batches", json={}).status_code == 415


def test_a_key_needs_the_scope(shop):
    assert hands_in(shop, ready(1)).json["error"] == "forbidden"


def test_a_body_that_is_too_large_is_refused(service):
    answer = service.post(
        "/api/batches",
        input_stream=io.BytesIO(b""),
        environ_overrides={"CONTENT_LENGTH": str(32 * 1024 * 1024 + 1)},
        content_type="multipart/form-data; boundary=x",
    )
    assert answer.status_code == 413


def test_a_large_batch_is_started_by_another_operator(app, make_person, operator, twilio):
    def upload(person):
        token = token_in(person.sees("/console/batches").text)
        data = {"csrf_token": token, "name": "june", "kind": "order_ready", "purpose": ""}
        data["file"] = (io.BytesIO(ready(2).encode()), "june.csv")
        return person.client.post("/console/batches", data=data, base_url=HTTPS)

    ben = make_person("ben", Role.OPERATOR)
    ben.signs_in()
    with settings_of(app, BATCH_FOUR_EYES="1", QUIET_HOURS="none"), app.app_context():
        at = re.sub(r"^https?://[^/]+", "", upload(operator).headers["Location"])
        assert "Your order 1 is ready" in operator.sees(at).text
        assert "who did not hand it in has to start it" in operator.sees(at).text
        operator.posts(f"{at}/start")
        assert "Running" not in operator.sees(at).text
        ben.posts(f"{at}/start")
        page = ben.sees(at).text
        assert "Running" in page
        assert '<meta http-equiv="refresh"' in page  # and so it works without JavaScript
        expanding.tick()
        assert len(kept(Delivery)) == 2
        ben.posts(f"{at}/pause")
        assert "Paused" in ben.sees(at).text


def test_a_file_that_cannot_be_read_is_told_beside_its_field(operator):
    token = token_in(operator.sees("/console/batches").text)
    data = {"csrf_token": token, "name": "june", "kind": "order_ready"}
    data["file"] = (io.BytesIO(b"PK\x03\x04"), "june.csv")
    answer = operator.client.post("/console/batches", data=data, base_url=HTTPS)
    assert answer.status_code == 400
    assert "zip archive" in answer.text


def test_support_may_look_and_hands_nothing_in(support):
    page = support.sees("/console/batches")
    assert page.status_code == 200
    assert "Hand one in" not in page.text
    assert support.posts("/console/batches", name="june").status_code == 403
