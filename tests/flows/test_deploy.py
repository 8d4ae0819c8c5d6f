"""A deploy under load: processes are ended and started one after another, and nobody notices."""

import http.client
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.conftest import shipment
from tests.system import answers, get, installation, wait_for

CALLERS = 12
GRACE_SECONDS = 25


def order(number):
    return shipment(f"order-{number:04}-shipped", orderId=str(number), phone=f"+1202555{number:04}")


class Caller:
    """A service with a connection that it keeps, and two addresses to try."""

    def __init__(self, urls, key):
        self.urls, self.key = [urlsplit(url).netloc for url in urls], key
        self.connection = None
        self.answered = 0  # on this connection
        self.broken = []

    def post(self, number):
        """Post one event until it is accepted, at the next address where nothing listens."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        if number % 2:
            headers["Prefer"] = "respond-async"
        while True:
            try:
                self.connect()
            except ConnectionRefusedError:
                self.urls.reverse()
                time.sleep(0.01)
                continue
            try:
                body = json.dumps(order(number))
                self.connection.request("POST", "/api/order-shipped-sms", body, headers)
                answer = self.connection.getresponse()
                told = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as error:
                self.broken.append((self.answered, repr(error)))
                self.hang_up()
                continue
            self.answered += 1
            if answer.getheader("Connection") == "close":
                self.hang_up()
            assert answer.status in {200, 202}, told
            return

    def connect(self):
        if self.connection is None:
            connection = http.client.HTTPConnection(self.urls[0], timeout=40)
            connection.connect()
            self.connection, self.answered = connection, 0

    def hang_up(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def end(process):
    """End a process as a deploy does; return how many seconds it took."""
    began = time.monotonic()
    process.terminate()
    assert process.wait(GRACE_SECONDS + 2) == 0
    return time.monotonic() - began


@pytest.mark.long
@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_a_deploy_under_load_loses_nothing_repeats_nothing_and_breaks_no_connection(system):
    system.environment |= {"API_RATE_LIMIT": "1000000/minute"}
    system.sandbox.weather(latency_ms=1200)
    webs = [system.web() for _ in range(2)]
    workers = [system.worker() for _ in range(2)]
    urls = [url for url, _ in webs]
    callers = [Caller(urls if n % 2 else urls[::-1], system.key) for n in range(CALLERS)]
    done, numbers, guard = threading.Event(), [], threading.Lock()

    def call(caller):
        while not done.is_set():
            with guard:
                number = len(numbers)
                numbers.append(number)
            caller.post(number)
        caller.hang_up()

    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(call, caller) for caller in callers]
        wait_for(lambda: len(numbers) > 3 * CALLERS)
        took = []
        for place, (url, web) in enumerate(webs):
            took += [end(web), end(workers[place])]
            system.start("gunicorn", "wsgi:app", "-b", url.removeprefix("http://"))
            system.worker()
            wait_for(lambda url=url: answers(f"{url}/readyz"))
        done.set()
        for job in calls:
            job.result()
    broken = [failure for caller in callers for failure in caller.broken]
    # Who connects in the very instant that a door closes is cut off: TCP cannot hand it on.
    assert [failure for failure in broken if failure[0]] == []
    assert len(broken) <= len(webs)
    assert max(took) < 25  # the grace time

    def states():
        paths = [f"/api/deliveries?eventId={order(number)['eventId']}" for number in numbers]
        return {get(urls[0], system.key, path)["status"] for path in paths}

    wait_for(lambda: states() <= {"sent", "delivered"}, seconds=60)
    texts = Counter(message["to"] for message in system.sandbox.messages())
    assert texts == Counter(order(number)["phone"] for number in numbers)
    assert "lease lapsed" not in system.logs()  # each process finished what it held


@pytest.fixture
def on_sqlite(tmp_path):
    with installation(f"sqlite:///{tmp_path}/flow.sqlite3", tmp_path) as system:
        yield system


def test_connections_at_rest_keep_nobody_out_and_no_process_from_its_end(on_sqlite):
    url, web = on_sqlite.web(WEB_THREADS="2")
    resting = [http.client.HTTPConnection(urlsplit(url).netloc, timeout=10) for _ in range(8)]
    for connection in resting:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
    assert answers(f"{url}/healthz")
    assert end(web) < 10
    for connection in resting:
        connection.close()


def test_a_request_on_a_kept_connection_is_answered_while_the_process_ends(on_sqlite):
    url, web = on_sqlite.web()
    kept = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    kept.request("GET", "/healthz")
    assert kept.getresponse().read()
    web.terminate()
    wait_for(lambda: not answers(url))  # nobody new comes in
    kept.request("GET", "/healthz")
    answer = kept.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (200, "close")
    kept.close()
    assert web.wait(10) == 0


def test_a_worker_inside_the_web_process_ends_beside_it_and_finishes_what_it_holds(on_sqlite):
    url, web = on_sqlite.web()
    caller = Caller([url], on_sqlite.key)
    caller.post(1)  # the worker's, as all odd ones
    wait_for(on_sqlite.sandbox.messages)
    on_sqlite.sandbox.weather(latency_ms=3000)
    for number in (3, 5, 7):
        caller.post(number)
    caller.hang_up()

    def is_claimed(number):
        path = f"/api/deliveries?eventId={order(number)['eventId']}"
        return get(url, on_sqlite.key, path)["status"] == "sending"

    wait_for(lambda: all(map(is_claimed, (3, 5, 7))))
    assert end(web) < 12
    assert len(on_sqlite.sandbox.messages()) == 4
    assert on_sqlite.logs().count('"message":"sent"') == 4
    assert '"worker stopped"' in on_sqlite.logs()
