"""How fast texts leave, whether they do at all: over all processes, by the sandbox's own list."""

import json
import math
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from smsapp.providers.http_client import rest_client
from smsapp.providers.messages import Twilio
from smsapp.sandbox import inbox
from smsapp.sandbox.testing import SandboxConfig, running
from tests.conftest import ACCOUNT, ENVIRONMENT, TOKEN
from tests.delivery.test_throttle import most_in
from tests.flows.test_one_text import post
from tests.system import free_port, order, wait_for

PATIENCE = {"API_RATE_LIMIT": "1000000/minute", "EMBEDDED_WORKER": "false"}
# A call takes a few milliseconds from our socket into the sandbox's list, now more and now
# less; one text of a window's edge may come out on its other side.
ON_THE_WAY = 1
# What calls add that are late for a second reservation (throttle.is_in_time).
LATE_AGAIN = 1.04


def tell(url, key, texts, **headers):
    """Post that many events; return the answers' statuses."""

    def one(number):
        return post(url, key, order(number), **headers)[1]["status"]

    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(one, range(texts)))


def times(sandbox):
    """Return when the sandbox took each text, in seconds."""
    found = [datetime.fromisoformat(text["createdAt"]) for text in sandbox.messages()]
    return sorted(at.timestamp() for at in found)


def ready(url):
    with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
        return json.load(answer)


@pytest.mark.long
@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_processes_share_the_rate_and_use_it(system):
    """Two workers, and requests that would like to send too."""
    rate, seconds = 20, 10
    system.environment |= PATIENCE | {"MESSAGES_PER_SECOND": str(rate)}
    url, _ = system.web()
    texts = rate * (seconds + 4)
    tell(url, system.key, texts // 2, Prefer="respond-async")
    workers = [system.worker(), system.worker()]
    wait_for(system.sandbox.messages, workers[1])
    tell(url, system.key, texts)
    wait_for(lambda: len(system.sandbox.messages()) == texts, workers[0], seconds=60)

    sent = times(system.sandbox)
    assert most_in(1.0, sent) <= math.ceil(LATE_AGAIN * rate) + ON_THE_WAY
    # Whatever else this machine does takes its share now and then, but not in all ten seconds.
    assert most_in(seconds, sent) >= 0.93 * rate * seconds
    assert len(system.texts()) == texts


@pytest.mark.long
@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_pause_stops_web_and_worker_at_once_and_resume_lets_go_at_the_throttles_pace(system):
    rate = 10
    system.environment |= PATIENCE | {"MESSAGES_PER_SECOND": str(rate)}
    url, _ = system.web()
    worker = system.worker()
    assert tell(url, system.key, 1) == {"sent": 1}
    system.command("sending", "pause")
    assert ready(url)["senderIsPaused"] is True
    assert tell(url, system.key, 20)["pending"] == 19
    wait_for(lambda: ready(url)["outboxAgeSeconds"] >= 1)
    assert len(system.sandbox.messages()) == 1

    system.command("sending", "resume")
    wait_for(lambda: len(system.sandbox.messages()) == 20, worker)
    sent = times(system.sandbox)[1:]
    assert most_in(1.0, sent) <= rate + ON_THE_WAY
    assert ready(url)["senderIsPaused"] is False


@pytest.mark.long
@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_after_an_outage_of_twilio_everything_is_sent_once_at_the_throttles_pace(system, tmp_path):
    """Ten minutes in production; some seconds here."""
    rate, texts, port = 10, 40, free_port()
    system.environment |= PATIENCE | {
        "MESSAGES_PER_SECOND": str(rate),
        "TWILIO_BASE_URL": f"http://127.0.0.1:{port}",
    }
    url, _ = system.web()
    worker = system.worker()
    assert tell(url, system.key, texts) == {"pending": texts}
    wait_for(lambda: system.logs().count('"trouble":"connect"') >= texts, worker)
    config = SandboxConfig(
        account_sid=ACCOUNT,
        auth_token=TOKEN,
        from_number=ENVIRONMENT["TWILIO_FROM_NUMBER"],
        database=tmp_path / "back.sqlite3",
        pace=0.2,
    )
    with running(config, port) as sandbox:
        wait_for(lambda: len(sandbox.messages()) == texts, worker, seconds=90)
        assert most_in(1.0, times(sandbox)) <= rate + ON_THE_WAY
        assert len({text["to"] for text in sandbox.messages()}) == texts
        system.stop()


@pytest.mark.long
@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_too_many_requests_slow_it_down_and_it_recovers_by_itself(system):
    rate, texts = 40, 60
    system.environment |= PATIENCE | {"MESSAGES_PER_SECOND": str(rate)}
    url, _ = system.web()
    system.sandbox.weather(too_many_requests=80)
    tell(url, system.key, texts, Prefer="respond-async")
    worker = system.worker()
    wait_for(lambda: ready(url)["messagesPerSecond"] < rate / 3, worker)
    system.sandbox.clear_weather()
    slowest = ready(url)["messagesPerSecond"]
    wait_for(lambda: len(system.sandbox.messages()) == texts, worker, seconds=90)
    wait_for(lambda: slowest < ready(url)["messagesPerSecond"] <= rate, worker, seconds=60)
    assert len(system.texts()) == texts


@pytest.mark.long
def test_one_429_in_twenty_hardly_slows_it_down(system):
    """At the full rate 600 texts take 3 s; the tests' machine has as much to do as the app's."""
    texts = 600
    system.environment |= PATIENCE | {"MESSAGES_PER_SECOND": "200", "WORKER_THREADS": "32"}
    url, _ = system.web()
    tell(url, system.key, texts, Prefer="respond-async")
    system.sandbox.weather(too_many_requests=5)
    worker = system.worker()
    wait_for(lambda: inbox.count(system.sandbox.desk)[1] == texts, worker, seconds=60)
    first, *_, last = times(system.sandbox)
    # PostgreSQL's server takes its share of the same cores.
    on_sqlite = system.environment["DATABASE_URL"].startswith("sqlite")
    assert last - first < (10 if on_sqlite else 20)
    assert ready(url)["messagesPerSecond"] >= 0.8 * 200
    assert set(system.texts().values()) == {1}


@pytest.mark.long
@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_after_a_restore_nothing_is_texted_twice_and_nothing_is_lost(system):
    """Half of what the backup has waiting was sent after it; the database knows of none of it."""
    system.environment |= PATIENCE | {"RECONCILE_GRACE_SECONDS": "1"}
    url, web = system.web()
    tell(url, system.key, 10, Prefer="respond-async")
    twilio = Twilio(rest_client(ACCOUNT, ACCOUNT, TOKEN, system.sandbox.url))
    web.terminate()
    web.wait(30)
    for number in range(5):
        twilio.send(
            to=f"+1202555{number:04}",
            from_number=ENVIRONMENT["TWILIO_FROM_NUMBER"],
            body=f"Your order {number} has shipped. Tracking: https://example.com/track/1001",
            status_callback=f"{system.environment['PUBLIC_BASE_URL']}/twilio/status-callback",
        )
    system.command("sending", "restored")
    system.start("gunicorn", "wsgi:app", "-b", f"127.0.0.1:{system.port}")
    worker = system.worker()
    system.command("sending", "resume")
    wait_for(lambda: len(system.sandbox.messages()) == 10, worker, seconds=60)
    assert tell(url, system.key, 12)["pending"] == 2
    wait_for(lambda: len(system.sandbox.messages()) == 12, worker, seconds=60)
    assert set(system.texts().values()) == {1}
