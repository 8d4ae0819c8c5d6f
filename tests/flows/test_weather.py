"""Whatever the weather between us and the carrier, each event is one text."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.system import answers, kill, order, post, wait_for

ROUGH = {
    "latency_ms": 30,
    "too_many_requests": 10,
    "error_after": 10,
    "error_before": 10,
    "reset_after": 10,
    "lost_receipts": 30,
    "repeated_receipts": 30,
    "reordered_receipts": 30,
}
EVENTS = 60


@pytest.mark.long
def test_in_rough_weather_nothing_is_lost_and_nothing_twice_while_processes_are_killed(system):
    """Half of the events by request, half by worker; the sandbox's list is the judge."""
    settings = {"LEASE_SECONDS": "15", "RECONCILE_GRACE_SECONDS": "2", "EMBEDDED_WORKER": "false"}
    settings["API_RATE_LIMIT"] = "1000000/minute"
    system.environment |= settings
    system.sandbox.weather(**ROUGH)
    url, web = system.web()
    worker = system.worker()
    dice = random.Random(1)

    def send(number):
        prefer = {"Prefer": "respond-async"} if number % 2 else {}
        while True:
            answer = post(url, system.key, order(number), **prefer)
            if answer and answer[0] in {200, 202}:
                return
            time.sleep(dice.uniform(0.05, 0.3))

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(send, number) for number in range(EVENTS)]
        for _ in range(2):
            time.sleep(1)
            kill(web)
            kill(worker)
            port = url.rpartition(":")[2]
            web = system.start("gunicorn", "wsgi:app", "-b", f"127.0.0.1:{port}")
            worker = system.worker()
        wait_for(lambda: answers(f"{url}/readyz"), web)
        for job in jobs:
            job.result()
    system.sandbox.clear_weather()

    wait_for(lambda: system.unsettled() == 0, seconds=100)
    texts = system.texts()
    assert len(texts) == EVENTS
    assert set(texts.values()) == {1}
