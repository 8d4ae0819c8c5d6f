"""Among greenlets, as the web process and the worker run, the wire keeps the same promises."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Servers and clients share one thread here: a call that blocked would wait for itself.
ALL_TESTS = """
import sys
from gevent import monkey

monkey.patch_all()
import pytest

sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""

KILLED = """
from gevent import monkey

monkey.patch_all()
import json, sys, time
import gevent
from tests.providers.raw_server import Server, http
from smsapp.providers.http_client import CurlClient

URL = "https://api.twilio.com/2010-04-01/Accounts.json"


def slow(connection):
    time.sleep(0.3)
    http(200, {})(connection)


server = Server(slow)
client = CurlClient(server.url)


def post(number):
    return client.request("POST", URL, data={"n": number}).status_code


began = time.monotonic()
given_up = [gevent.spawn(post, number) for number in range(20)]
while len(server.requests) < 20:
    time.sleep(0.01)
gevent.killall(given_up)
calls = [gevent.spawn(post, number) for number in range(20, 60)]
gevent.joinall(calls, raise_error=True)
bodies = [request.rpartition(b"=")[2].decode() for request in server.requests]
seconds = time.monotonic() - began
print(json.dumps([sorted(map(int, bodies)), {call.value for call in calls} == {200}, seconds]))
"""


def run(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_promise_of_the_wire_holds_among_greenlets():
    wire = [f"tests/providers/test_{name}.py" for name in ("http_client", "messages")]
    result = run(ALL_TESTS, *wire)
    assert result.returncode == 0, result.stdout


def test_calls_overlap_and_one_that_is_given_up_is_neither_repeated_nor_in_the_way():
    result = run(KILLED)
    assert result.stderr == ""
    bodies, all_answered, seconds = json.loads(result.stdout)
    assert (bodies, all_answered) == (list(range(60)), True)
    assert seconds < 5  # one after the other it would be 12 and more
