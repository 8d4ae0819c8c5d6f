"""One event is one text, whatever its callers and our processes do."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import shipment
from tests.flows.conftest import installation_on
from tests.system import get, kill, post, wait_for

CALLERS = 200
FIRST, SECOND = "+12025552001", "+12025553001"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(request, tmp_path_factory):
    """Two web processes on each database, for all tests here; the last one kills the first."""
    with installation_on(request, tmp_path_factory.mktemp("pair")) as system:
        yield system, [system.web(LEASE_SECONDS="15") for _ in range(2)]


def texts_to(system, phone):
    return [text for text in system.sandbox.messages() if text["to"] == phone]


def all_at_once(urls, key, event):
    """Post one event from all callers at once, half of them to each web process."""
    barrier = threading.Barrier(CALLERS)

    def call(number):
        barrier.wait()
        return post(urls[number % len(urls)], key, event)

    pool = ThreadPoolExecutor(CALLERS)
    return [pool.submit(call, number) for number in range(CALLERS)], pool


def test_an_event_becomes_delivered_without_anybody_asking(pair):
    system, ((url, _), _) = pair
    _, sent = post(url, system.key, shipment())
    _, later = post(
        url, system.key, shipment("order-1002-shipped", orderId="1002"), Prefer="respond-async"
    )
    for answer in (sent, later):
        path = f"/api/deliveries/{answer['deliveryId']}"
        wait_for(lambda path=path: get(url, system.key, path)["status"] == "delivered")
        found = get(url, system.key, path)
        sources = [step["source"] for step in found["timeline"] if step["source"] != "smsapp"]
        assert sources == ["api", sources[1], "twilio", "receipt", "receipt"]
        assert sources[1] in {"request", "worker"}
        assert get(url, system.key, f"/api/messages/{found['sid']}") == found


def test_of_200_parallel_posts_one_is_accepted_and_199_are_duplicates(pair):
    system, webs = pair
    event = shipment("order-2001-shipped", phone=FIRST)
    calls, pool = all_at_once([url for url, _ in webs], system.key, event)
    answers = [call.result() for call in calls]
    pool.shutdown()

    kinds = Counter("accepted" if "accepted" in body else "duplicate" for _, body in answers)
    assert kinds == {"accepted": 1, "duplicate": CALLERS - 1}
    assert {status for status, _ in answers} <= {200, 202}
    assert len({body["deliveryId"] for _, body in answers}) == 1
    assert len(texts_to(system, FIRST)) == 1


def test_killing_a_web_process_among_200_posts_neither_loses_nor_repeats_the_text(pair):
    system, webs = pair
    system.sandbox.weather(latency_ms=300)
    event = shipment("order-3001-shipped", phone=SECOND)
    calls, pool = all_at_once([url for url, _ in webs], system.key, event)
    # Midway: the text is at the carrier, whose answer is still to come.
    wait_for(lambda: texts_to(system, SECOND))
    kill(webs[0][1])
    answers = [call.result() for call in calls]
    pool.shutdown()

    assert {answer[0] for answer in answers if answer} <= {200, 202}
    survivor = webs[1][0]
    for _ in range(5):  # whoever got no answer asks again
        status, body = post(survivor, system.key, event)
        assert status in {200, 202}
        assert body["duplicate"] is True
    time.sleep(1)
    assert len(texts_to(system, SECOND)) == 1
