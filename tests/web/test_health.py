"""What those who watch over the processes are told."""

import re
from datetime import timedelta

from sqlalchemy import update

from smsapp.models import Delivery, Sender, Worker
from tests.conftest import (
    ALICE,
    BOB,
    app_at,
    make_app,
    on_one_database,
    read_only,
    schema_of,
    settings_of,
)

METRICS_TOKEN = "a token for the metrics alone"


def metrics(app, client):
    with settings_of(app, METRICS_TOKEN=METRICS_TOKEN):
        return client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})


def test_a_process_that_answers_is_healthy(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_with_the_database_away_a_process_is_healthy_but_not_ready():
    dead = make_app(DATABASE_URL="postgresql://shop:secret@127.0.0.1:1/smsapp").test_client()
    assert dead.get("/healthz").status_code == 200
    answer = dead.get("/readyz", headers={"Accept": "*/*"})
    assert (answer.status_code, answer.json["error"]) == (503, "database_unavailable")
    assert "secret" not in answer.text


def test_with_the_next_versions_schema_a_process_goes_on(app, client):
    """During a deploy the database is migrated before the last old process has gone."""
    with schema_of(app, "9999"):
        assert client.get("/readyz").status_code == 200


def test_with_the_schema_of_an_older_version_a_process_is_not_ready(app, client):
    with schema_of(app, "0001"):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "flask db upgrade" in answer.json["message"]
    assert client.get("/readyz").status_code == 200


def test_without_a_schema_a_process_is_not_ready(tmp_path):
    with app_at(f"sqlite:///{tmp_path}/bare.sqlite3") as bare:
        answer = bare.test_client().get("/readyz")
    assert answer.status_code == 503
    assert "flask db upgrade" in answer.json["message"]


@on_one_database
def test_where_writing_fails_a_process_is_not_ready_until_it_works_again(app, client, shop, twilio):
    with read_only(app):
        refused = shop.ships()
        assert (refused.status_code, refused.json["error"]) == (503, "database_unavailable")
        assert "read-only" in refused.json["message"]
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json["error"]) == (503, "database_unavailable")
        assert "read-only" in answer.json["message"]
        assert client.get("/healthz").status_code == 200
        assert client.get("/").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert shop.ships().status_code == 202


def test_with_nothing_to_do_and_a_worker_all_is_well(client, write):
    write(lambda now: Worker.__table__.insert().values(name="one", seen_at=now))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json["status"] == "ok"
    assert answer.json["outboxAgeSeconds"] is None
    assert answer.json["workerSeenSecondsAgo"] in {0, 1}
    assert answer.json["workerIsSilent"] is False
    assert answer.json["senderIsHeld"] is False


def test_an_old_outbox_is_told_and_does_not_fail(client, shop, twilio, write):
    shop.ships(prefer="respond-async")
    shop.ships("order-1002-shipped", prefer="respond-async")
    two_minutes_ago = timedelta(seconds=120)
    write(lambda now: update(Delivery).values(due_at=now - two_minutes_ago))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert 120 <= answer.json["outboxAgeSeconds"] <= 130


def test_what_is_due_later_does_not_age(client, shop, twilio, write):
    shop.ships(prefer="respond-async")
    write(lambda now: update(Delivery).values(due_at=now + timedelta(hours=1)))
    assert client.get("/readyz").json["outboxAgeSeconds"] is None


def test_a_silent_worker_is_told_and_does_not_fail(client, write):
    assert client.get("/readyz").json["workerIsSilent"] is True
    long_ago = timedelta(minutes=5)
    write(lambda now: Worker.__table__.insert().values(name="one", seen_at=now - long_ago))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json["workerIsSilent"] is True
    assert 300 <= answer.json["workerSeenSecondsAgo"] <= 310
    write(lambda now: Worker.__table__.insert().values(name="two", seen_at=now))
    assert client.get("/readyz").json["workerIsSilent"] is False


def test_a_held_sender_is_told_and_does_not_fail(app, client, write):
    name = app.extensions["settings"].sms_sender
    row = {"name": name, "held_code": 20003}
    write(lambda now: Sender.__table__.insert().values(held_at=now, probe_at=now, **row))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["senderIsHeld"]) == (200, True)


def test_metrics_count_events_calls_and_requests_in_prometheus_own_format(
    app, client, shop, twilio
):
    def count(line):
        found = re.search(rf"^{re.escape(line)} (\S+)$", metrics(app, client).text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    lines = [
        'smsapp_events_total{answer="sent",kind="order_shipped"}',
        'smsapp_calls_total{outcome="accepted"}',
        "smsapp_http_request_seconds_count"
        '{method="POST",route="/api/order-shipped-sms",status="2xx"}',
    ]
    before = [count(line) for line in lines]
    shop.ships()
    content_type = metrics(app, client).content_type
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert [count(line) for line in lines] == [number + 1 for number in before]


def test_no_word_of_a_callers_becomes_a_label(app, client, shop, twilio):
    shop.ships(ALICE, phone=ALICE)
    client.open(f"/{BOB}", method=BOB)
    client.open(f"/api/messages/{BOB}", method="PROPFIND")
    text = metrics(app, client).text
    assert ALICE.strip("+") not in text
    assert BOB.strip("+") not in text
    assert "PROPFIND" not in text
    assert 'method="other",route="none",status="4xx"' in text
