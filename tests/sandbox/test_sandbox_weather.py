"""Each kind of bad weather does what its name says, and nothing else."""

import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest
import requests
from requests.exceptions import ConnectionError as Cut
from requests.exceptions import ReadTimeout

from smsapp.sandbox.database import Database
from smsapp.sandbox.testing import running
from smsapp.sandbox.weather import CALM, FIELDS, PRESETS, BadWeather, Weather
from tests.sandbox.desk import CUSTOMER, SHOP, Wire, refused


def test_the_weather_is_calm_at_first(sandbox):
    assert sandbox.weather() == CALM


@pytest.mark.parametrize(
    ("weather", "expected", "retry_after"),
    [
        ({"too_many_requests": 100}, (429, 20429), "1"),
        ({"error_before": 100}, (503, 20503), None),
        ({"credentials_refused": 1}, (401, 20003), None),
        ({"queue_full": 1}, (400, 21611), None),
    ],
)
def test_a_text_that_is_refused_is_not_accepted(
    sandbox, send, client, weather, expected, retry_after
):
    sandbox.weather(**weather)
    assert refused(send) == expected
    assert client.http_client._test_only_last_response.headers.get("Retry-After") == retry_after
    assert sandbox.messages() == []


def test_an_error_after_accepting_is_500_and_the_text_goes_out(sandbox, send, receiver):
    sandbox.weather(error_after=100)
    assert refused(lambda: send(status_callback=receiver.url)) == (500, 20500)
    sandbox.settle()
    assert receiver.statuses() == ["sent", "delivered"]


def test_a_timeout_after_accepting_never_answers_and_the_text_goes_out(sandbox, connect):
    sandbox.weather(timeout_after=100)
    client = connect(sandbox, timeout=0.3)
    with pytest.raises(ReadTimeout):
        client.messages.create(to=CUSTOMER, from_=SHOP, body="Hi")
    assert len(sandbox.messages()) == 1


def test_a_silent_send_ends_after_a_while(config, connect):
    with running(replace(config, hang_seconds=0.2)) as sandbox:
        sandbox.weather(timeout_after=100)
        with pytest.raises(Cut):
            connect(sandbox).messages.create(to=CUSTOMER, from_=SHOP, body="Hi")


def test_a_reset_cuts_a_kept_connection_and_the_text_goes_out(sandbox):
    with closing(Wire(sandbox.url)) as wire:
        assert wire.send() == 201
        sandbox.weather(reset_after=100)
        with pytest.raises(ConnectionResetError, match="reset by peer"):
            wire.send()
    assert len(sandbox.messages()) == 2


def test_the_sandbox_works_on_after_a_reset(sandbox, send):
    sandbox.weather(reset_after=100)
    with pytest.raises(Cut):
        send()
    sandbox.clear_weather()
    assert send().status == "queued"


def test_latency_delays_every_answer(sandbox, client):
    sandbox.weather(latency_ms=200)
    started = time.monotonic()
    client.messages.list()
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(
    ("weather", "statuses"),
    [
        ("lost_receipts", []),
        ("repeated_receipts", ["sent", "sent", "delivered", "delivered"]),
        ("reordered_receipts", ["delivered", "sent"]),
    ],
)
def test_receipts_are_lost_repeated_or_reordered_but_the_text_arrives(
    sandbox, send, receiver, weather, statuses
):
    sandbox.weather(**{weather: 100})
    send(status_callback=receiver.url)
    sandbox.settle()
    assert receiver.statuses() == statuses
    tokens = {p.headers["I-Twilio-Idempotency-Token"] for p in receiver.posted}
    assert len(tokens) == len(set(statuses))
    assert sandbox.messages()[0]["status"] == "delivered"


@pytest.mark.parametrize(
    ("code", "statuses"),
    [
        (30003, ["sent", "undelivered"]),
        (30034, ["sent", "undelivered"]),
        (30007, ["failed"]),
        (21610, ["failed"]),
    ],
)
def test_a_carrier_error_ends_in_its_status(sandbox, send, receiver, code, statuses):
    sandbox.weather(carrier_error=code)
    send(status_callback=receiver.url)
    sandbox.settle()
    assert receiver.statuses() == statuses
    assert receiver.posted[-1].fields["ErrorCode"] == str(code)
    assert sandbox.messages()[0]["errorCode"] == code


def test_refused_credentials_are_401_for_everything(sandbox, client):
    sandbox.weather(credentials_refused=1)
    assert refused(lambda: client.messages("SM" + "0" * 32).fetch()) == (401, 20003)


def test_the_weather_is_said_in_words(sandbox):
    weather = sandbox.desk.weather
    assert weather.in_words() == []
    sandbox.weather(latency_ms=250, lost_receipts=10, queue_full=1)
    sandbox.weather(carrier_error=30003, carrier_error_share=50)
    assert weather.in_words() == [
        "Sending: Every answer waits, 250 ms",
        "Carrier: 30003 Unreachable destination handset, 50 % of texts",
        "Receipts: Lost, 10 %",
        "Account: Queue full (21611 for every text)",
    ]


def test_every_field_that_goes_wrong_has_its_words(sandbox):
    for field in FIELDS:
        if not field.name.endswith("_share"):
            sandbox.clear_weather()
            sandbox.weather(**{field.name: min(field.codes) if field.kind == "code" else 1})
            assert len(sandbox.desk.weather.in_words()) == 1, field.name


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_whole_day(sandbox, preset):
    sandbox.weather(queue_full=1)
    form = {"preset": preset}
    answer = requests.post(f"{sandbox.url}/weather/preset", data=form, timeout=5)
    assert answer.status_code == 200
    assert sandbox.weather() == CALM | PRESETS[preset]
    assert "Account: Queue full" not in answer.text


def test_a_preset_that_there_is_not_is_refused(sandbox):
    answer = requests.post(f"{sandbox.url}/weather/preset", data={"preset": "fog"}, timeout=5)
    assert (answer.status_code, "There is no day called" in answer.text) == (400, True)
    assert sandbox.weather() == CALM


def test_a_share_hits_about_its_share_and_the_seed_repeats_it(tmp_path):
    def rolls(name):
        database = Database(tmp_path / name)
        weather = Weather(database, seed=7)
        weather.change({"error_before": 30, "reset_after": 20})
        found = [weather.trouble() for _ in range(1000)]
        database.close()
        return found

    first = rolls("a")
    assert first == rolls("b")
    assert 250 < first.count("error_before") < 350
    assert 150 < first.count("reset_after") < 250
    assert set(first) == {"error_before", "reset_after", None}


def test_the_weather_is_json(sandbox):
    url = f"{sandbox.url}/weather.json"
    answer = requests.post(url, json={"latency_ms": 50, "queue_full": True}, timeout=5)
    assert answer.json() == CALM | {"latency_ms": 50, "queue_full": True}
    assert requests.get(url, timeout=5).json() == answer.json()
    assert requests.delete(url, timeout=5).json() == CALM
    assert sandbox.weather() == CALM


@pytest.mark.parametrize(
    "settings",
    [
        {"fog": 1},
        {"latency_ms": -1},
        {"latency_ms": "soon"},
        {"latency_ms": None},
        {"lost_receipts": 101},
        {"queue_full": 2},
        {"carrier_error": 12},
        {"error_before": 60, "reset_after": 60},
        ["fog"],
    ],
)
def test_weather_that_makes_no_sense_is_refused_and_nothing_changes(sandbox, settings):
    answer = requests.post(f"{sandbox.url}/weather.json", json=settings, timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_weather")
    assert sandbox.weather() == CALM


def test_bad_weather_raises_in_tests(sandbox):
    with pytest.raises(BadWeather):
        sandbox.weather(fog=1)


def test_every_field_has_a_name_of_its_own():
    assert len({field.name for field in FIELDS}) == len({f.label for f in FIELDS}) == len(FIELDS)


def test_the_weather_can_change_while_the_dice_are_rolled_in_the_middle_of_a_write(sandbox):
    """As whoever writes a receipt does; the two once waited for each other for ever."""
    desk = sandbox.desk
    with desk.database.write():
        change = threading.Thread(target=sandbox.weather, kwargs={"lost_receipts": 50})
        change.start()
        while not desk.weather._changing.locked():
            pass
        rolled = threading.Thread(target=desk.weather.between, args=(0, 1), daemon=True)
        rolled.start()
        rolled.join(5)
        assert not rolled.is_alive()
    change.join()
    assert sandbox.weather()["lost_receipts"] == 50
