"""The sandbox as a program of its own, under gunicorn."""

import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests

from smsapp.sandbox.server import serve
from smsapp.sandbox.testing import Sandbox
from tests.sandbox.desk import SHOP, Wire, config_in
from tests.system import answers, free_port, wait_for


class Served:
    def __init__(self, url):
        self.url = url

    def weather(self, **settings):
        requests.delete(f"{self.url}/weather.json", timeout=5)
        requests.post(f"{self.url}/weather.json", json=settings, timeout=5)

    def messages(self):
        return requests.get(f"{self.url}/messages.json", timeout=5).json()["messages"]


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """A program for all tests; whatever they leave hanging, it stops in time."""
    port = free_port()
    config = config_in(tmp_path_factory.mktemp("served"))
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(config, port))
    process.start()
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: answers(f"{url}/healthz"))
    yield Served(url)
    started = time.monotonic()
    process.terminate()
    process.join(10)
    assert process.exitcode is not None
    assert time.monotonic() - started < 5


@pytest.fixture
def served(process):
    """The program on a calm day, without a text."""
    process.weather()
    requests.post(f"{process.url}/clear", timeout=5)
    return process


def test_it_serves_many_at_once_and_loses_no_receipt(served, connect, receiver):
    client = connect(served)

    def send(i):
        return client.messages.create(
            to="+15558675310", from_=SHOP, body=str(i), status_callback=receiver.url
        ).sid

    with ThreadPoolExecutor(64) as pool:
        sids = list(pool.map(send, range(300)))
    wait_for(lambda: len(receiver.posted) >= 600)
    assert sorted(receiver.statuses()) == ["delivered"] * 300 + ["sent"] * 300
    assert sorted(m["sid"] for m in served.messages()) == sorted(sids)


def test_a_reset_cuts_a_kept_connection_under_gunicorn_too(served):
    with closing(Wire(served.url)) as wire:
        assert wire.send() == 201
        served.weather(reset_after=100)
        with pytest.raises(ConnectionResetError, match="reset by peer"):
            wire.send()
    served.weather()
    with closing(Wire(served.url)) as wire:
        assert wire.send() == 201
    assert len(served.messages()) == 3


def test_it_stops_promptly_while_a_send_hangs(served, connect):
    served.weather(timeout_after=100)
    pool = ThreadPoolExecutor(1)
    client = connect(served, timeout=30)
    hanging = pool.submit(client.messages.create, to="+15558675310", from_=SHOP, body="1")
    time.sleep(0.3)
    assert not hanging.done()
    pool.shutdown(wait=False)  # the fixture stops the server in time


def test_the_interface_for_tests_names_what_others_rely_on():
    promised = {"messages", "weather", "clear_weather", "clear", "settle"}
    promised |= {"codes", "expire_codes", "text", "opted_out", "reset", "mails"}
    assert promised <= set(dir(Sandbox))
