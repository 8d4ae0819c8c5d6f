"""Metrics of a real installation: added up over processes, and without a word of anyone's."""

import os
import re
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests import servers
from tests.conftest import ALICE, BOB, ENVIRONMENT, shipment
from tests.flows.test_one_text import post
from tests.system import free_port, installation, wait_for

METRICS_TOKEN = "metrics-token-of-the-tests"


def scrape(url, token=METRICS_TOKEN):
    bearer = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{url}/metrics", headers=bearer)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def value(text, line):
    found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def children(process):
    tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in tasks.split()]


@pytest.fixture(scope="module")
def many(postgres_url, redis_url, tmp_path_factory):
    """An installation with two web processes, for all tests here; the second adds a worker."""
    folder = tmp_path_factory.mktemp("many")
    with (
        servers.database(postgres_url) as url,
        installation(
            url,
            folder,
            EMBEDDED_WORKER="false",
            WEB_CONCURRENCY="2",
            RATELIMIT_STORAGE_URI=redis_url,
            METRICS_TOKEN=METRICS_TOKEN,
            TMPDIR=str(folder),
        ) as system,
    ):
        yield system, *system.web()


ACCEPTED = 'smsapp_events_total{answer="sent",kind="order_shipped"}'


def test_metrics_add_up_over_processes_and_outlive_them(many):
    system, url, web = many
    orders = 0

    def of_processes():
        return {path.name for path in system.folder.glob("smsapp-metrics-*/counter_*.db")}

    def order():
        nonlocal orders
        orders += 1
        body = shipment(f"order-{orders:04}-shipped", phone=f"+1202555{orders:04}")
        assert post(url, system.key, body)[0] == 202

    while len(of_processes()) < 2 or orders < 10:
        order()
        assert orders < 200
    assert value(scrape(url), ACCEPTED) == orders

    before = set(children(web))
    dead = before.pop()
    os.kill(dead, signal.SIGKILL)
    wait_for(lambda: dead not in children(web) and len(children(web)) == 2, web)
    wait_for(lambda: not any(str(dead) in name for name in of_processes()), web)
    assert value(scrape(url), ACCEPTED) == orders
    order()
    assert value(scrape(url), ACCEPTED) == orders


def test_a_separate_worker_sends_what_the_web_accepted_and_has_a_door_for_metrics(many):
    system, url, _ = many
    system.sandbox.settle()
    sent, delivered = len(system.sandbox.messages()), value(scrape(url), DELIVERED)
    port = free_port()
    system.environment["WORKER_METRICS_PORT"] = str(port)
    event = shipment("order-2001-shipped")
    assert post(url, system.key, event, Prefer="respond-async")[0] == 202
    time.sleep(0.5)
    assert len(system.sandbox.messages()) == sent
    worker = system.worker()
    wait_for(lambda: len(system.sandbox.messages()) == sent + 1, worker)
    door = f"http://127.0.0.1:{port}"
    wait_for(lambda: value(scrape(door), 'smsapp_calls_total{outcome="accepted"}') == 1, worker)
    text = scrape(door)
    assert value(text, 'smsapp_event_to_twilio_seconds_count{kind="order_shipped"}') == 1
    wait_for(lambda: value(scrape(url), DELIVERED) == delivered + 1)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        scrape(door, "another token")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{door}/", timeout=5)
    worker.terminate()
    assert worker.wait(20) == 0


DELIVERED = 'smsapp_event_to_delivered_seconds_count{kind="order_shipped"}'


def test_after_a_journey_no_metric_holds_a_number_a_sid_or_a_key(many):
    """Every label's value is from a short list of ours."""
    system, url, _ = many
    system.sandbox.weather(carrier_error=30003)
    for number, phone in enumerate((ALICE, BOB, "+15005550001", "+15005550004")):
        answer = post(url, system.key, shipment(f"order-100{number}-shipped", phone=phone))
        assert answer[0] in {202, 409, 502}
    assert post(url, f"{system.key}x", shipment())[0] == 401
    wait_for(lambda: value(scrape(url), FAILED) >= 1)
    text = scrape(url)
    labels = set(re.findall(r'(\w+)="([^"]*)"', text))
    for name, word in labels - {(n, w) for n, w in labels if n == "le"}:
        assert re.fullmatch(r"[A-Za-z_0-9]{1,25}|/[a-z_/<>:.-]*", word), (name, word)
        assert name == "code" or not re.search(r"\d{4}", word), (name, word)
    sids = re.findall(r"[A-Z]{2}[0-9a-f]{32}", text)
    secrets = [system.key, system.key[:8], ENVIRONMENT["TWILIO_ACCOUNT_SID"]]
    numbers = [ALICE.strip("+"), BOB.strip("+"), "15005550001"]
    assert [word for word in [*sids, *secrets, *numbers] if word in text] == []


FAILED = 'smsapp_failures_total{code="30003",error_class="transient",where="receipt"}'
