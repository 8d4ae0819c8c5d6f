"""What we need goes away for a while: nothing is lost, nothing is twice, and it comes back."""

import json
import sqlite3
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import time_machine
from sqlalchemy.engine import make_url

from tests import servers
from tests.cable import cable
from tests.conftest import ALICE, shipment
from tests.system import answers, get, installation, order, post, states, wait_for

QUICKLY = {
    "LEASE_SECONDS": "15",
    "RECONCILE_GRACE_SECONDS": "2",
    "API_RATE_LIMIT": "1000000/minute",
}


def each_once(system, numbers):
    return system.texts() == Counter(order(number)["phone"] for number in numbers)


@pytest.fixture
def line_to(request):
    """Lay a cable to the server of a URL; return it and the URL that leads through it."""
    with ExitStack() as stack:

        def lay(url):
            given = make_url(url) if "@" in url else urlsplit(url)
            host = given.host if "@" in url else given.hostname
            line = stack.enter_context(cable(host, given.port))
            return line, url.replace(f"{host}:{given.port}", f"127.0.0.1:{line.port}")

        yield lay


@pytest.fixture
def on_postgresql(postgres_url, line_to, tmp_path):
    """An installation whose web and worker reach their database by a cable."""
    with (
        servers.database(postgres_url) as url,
        installation(url, tmp_path, **QUICKLY, EMBEDDED_WORKER="false") as system,
    ):
        line, system.environment["DATABASE_URL"] = line_to(url)
        yield system, line


@pytest.mark.long
def test_a_database_that_is_away_accepts_nothing_by_halves_and_loses_nothing(on_postgresql):
    """Callers are told when to come back, and do; texts in flight are sent once."""
    system, line = on_postgresql
    system.sandbox.weather(latency_ms=200)
    url, _ = system.web()
    system.worker()
    numbers, answered = range(60), []

    def call(number):
        prefer = {"Prefer": "respond-async"} if number % 3 else {}
        while True:
            answer = post_with_headers(url, system.key, order(number), **prefer)
            answered.append(answer)
            if answer[0] in {200, 202}:
                return
            time.sleep(0.3)

    with ThreadPoolExecutor(12) as pool:
        jobs = [pool.submit(call, number) for number in numbers]
        wait_for(lambda: len(system.sandbox.messages()) >= 5)
        line.pull()
        wait_for(lambda: sum(status == 503 for status, _, _ in list(answered)) > 20)
        line.plug()
        for job in jobs:
            job.result()
    assert {status for status, _, _ in answered} <= {200, 202, 503}
    for status, headers, body in answered:
        if status == 503:
            assert int(headers["Retry-After"]) > 0
            assert body["error"] == "database_unavailable"
    wait_for(lambda: system.unsettled() == 0, seconds=60)
    wait_for(lambda: set(states(url, system.key, numbers)) <= {"sent", "delivered"}, seconds=60)
    assert each_once(system, numbers)


@pytest.mark.long
def test_while_a_database_hangs_callers_are_told_so_and_nothing_is_lost(on_postgresql):
    """Some wait for the connections there are; whoever finds none is told to come back."""
    system, line = on_postgresql
    url, _ = system.web()
    system.worker()
    assert post(url, system.key, order(0))[0] == 202
    numbers = range(1, 41)
    line.hang()
    with ThreadPoolExecutor(40) as pool:
        calls = [pool.submit(post, url, system.key, order(number)) for number in numbers]
        told = as_completed(calls)
        assert {next(told).result()[0] for _ in range(20)} == {503}
        assert answers(f"{url}/healthz")
        line.plug()
        assert {call.result()[0] for call in calls} <= {202, 503}
        for number in numbers:
            wait_for(lambda number=number: post(url, system.key, order(number))[0] in {200, 202})
    numbers = range(41)
    wait_for(lambda: set(states(url, system.key, numbers)) <= {"sent", "delivered"}, seconds=60)
    assert each_once(system, numbers)


@pytest.mark.long
def test_a_lock_that_another_program_holds_for_long_stops_neither_health_nor_pages(tmp_path):
    """As a copy of the file would that goes wrong; gunicorn kills what is silent for 60 s."""
    with installation(f"sqlite:///{tmp_path}/flow.sqlite3", tmp_path) as system:
        url, _ = system.web()
        other = sqlite3.connect(tmp_path / "flow.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        free_at = time.monotonic() + 30
        with ThreadPoolExecutor(20) as pool:
            calls = [pool.submit(post, url, system.key, order(number)) for number in range(20)]
            while time.monotonic() < free_at:
                assert all(answers(f"{url}{path}") for path in ("/healthz", "/readyz", "/"))
                time.sleep(0.2)
            assert {call.result()[0] for call in calls} == {503}
        other.close()
        for number in range(20):
            wait_for(lambda number=number: post(url, system.key, order(number))[0] == 202)
        wait_for(lambda: system.unsettled() == 0)
        assert each_once(system, range(20))
        assert "WORKER TIMEOUT" not in system.logs()


def post_with_headers(url, key, body, **headers):
    request = Request(
        f"{url}/api/order-shipped-sms",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {key}"} | headers,
    )
    try:
        with urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, json.load(answer)
    except OSError as error:  # an HTTPError is one, and an answer too
        return error.code, error.headers, json.load(error)


@pytest.fixture
def with_redis(line_to, tmp_path):
    """An installation that reaches a Redis of its own by a cable."""
    database = f"sqlite:///{tmp_path}/flow.sqlite3"
    with servers.redis() as redis, installation(database, tmp_path) as system:
        line, system.environment["RATELIMIT_STORAGE_URI"] = line_to(redis)
        yield system, line


@pytest.mark.long
@pytest.mark.parametrize("how", ["pull", "hang"])
def test_without_redis_limits_are_kept_in_memory_and_said_once_and_it_comes_back(with_redis, how):
    """None of the requests that are in flight when it goes away fails."""
    system, line = with_redis
    url, _ = system.web(API_RATE_LIMIT="400/day")

    def ask(times):
        path = "/api/deliveries?eventId=order-1001-shipped"

        def one(_):
            request = Request(url + path, headers={"Authorization": f"Bearer {system.key}"})
            try:
                urlopen(request, timeout=20)
            except OSError as error:
                return error.code

        with ThreadPoolExecutor(32) as pool:
            return Counter(pool.map(one, range(times)))

    def outages():
        return system.logs().count("falling back to in-memory")

    assert ask(100) == {404: 100}  # nothing of that name: it passed
    goes_away = threading.Timer(0.02, getattr(line, how))
    goes_away.start()
    assert ask(130) == {404: 130}
    goes_away.join()
    began = time.monotonic()
    assert ask(450)[429] >= 50  # counted, though from the beginning
    assert time.monotonic() - began < 15
    assert outages() == 1
    line.plug()
    wait_for(lambda: ask(1) == {404: 1}, seconds=60)  # the first count goes on
    assert ask(400)[429] >= 100
    assert outages() == 1
    assert system.logs().count("storage recovered") == 1
    assert '"level":"error"' not in system.logs()


@pytest.mark.long
@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_stop_that_came_in_while_all_was_down_is_obeyed_before_anything_is_sent(system):
    system.environment |= {"EMBEDDED_WORKER": "false"}
    url, web = system.web()
    post(url, system.key, shipment(), Prefer="respond-async")
    post(url, system.key, order(2), Prefer="respond-async")
    web.terminate()
    web.wait(30)
    system.sandbox.weather(lost_inbound=100)
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=3), tick=True):
        system.sandbox.text(ALICE, "STOP")
    worker = system.worker()
    wait_for(lambda: system.sandbox.messages(), worker)
    again, _ = system.web()
    path = "/api/deliveries?eventId=order-1001-shipped"
    assert get(again, system.key, path)["status"] == "suppressed"
    told = [message["to"] for message in system.sandbox.messages()]
    assert ALICE not in told


@pytest.mark.long
@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_a_stop_that_the_web_could_not_take_is_found_by_a_worker_that_runs(system):
    """A look is due every few minutes; here the last one is made to be long ago."""
    system.environment |= {"EMBEDDED_WORKER": "false"}
    worker = system.worker()
    wait_for(lambda: "worker started" in system.logs(), worker)
    system.sandbox.weather(lost_inbound=100)
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=3), tick=True):
        system.sandbox.text(ALICE, "STOP")

    def is_found():
        system.execute("UPDATE inbound_list SET look_at = complete_until")
        return "texts came in that were never posted to us" in system.logs()

    wait_for(is_found, worker)
    url, _ = system.web()
    assert post(url, system.key, shipment())[1]["error"] == "opted_out"
