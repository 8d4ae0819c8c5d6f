"""The weather turns, and turns again: alarms come and go by themselves."""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from smsapp.delivery import tally
from smsapp.extensions import db
from smsapp.watch import alarms, rules
from tests.conftest import make_app, shipment
from tests.flows.test_one_text import post
from tests.system import wait_for

NOW = timedelta(0)


@pytest.fixture
def shop(system, monkeypatch):
    """A shop in which nothing has to last before it counts."""
    for name in ("RECEIPT_AFTER", "UNKNOWN_AFTER"):
        monkeypatch.setattr(rules, name, NOW)
    monkeypatch.setattr(alarms, "CALM", NOW)
    system.environment |= {
        "ALARM_MIN_SAMPLE": "5",
        "ALARM_DELIVERY_RATE": "50",
        "UNDELIVERED_RETRY_MINUTES": "",
        "API_RATE_LIMIT": "1000000/minute",
    }
    return system


@contextmanager
def watched(system):
    """Look from a process of our own, as one worker of many does."""
    app = make_app(**system.environment)

    def look():
        with app.app_context():
            alarms.evaluate()
            found = {str(alarm.kind): alarm for alarm in alarms.open_alarms()}
        return {kind: alarm for kind, alarm in found.items() if kind != "no_worker"}

    yield look
    with app.app_context():
        db.engine.dispose()
    tally._noted.clear()


def send(system, url, count, first=0, **changes):
    for number in range(first, first + count):
        body = shipment(f"order-{number:04}-shipped", phone=f"+1202555{number:04}")
        assert post(url, system.key, body)[0] in {202, 502}


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_a_carrier_that_delivers_nothing_raises_an_alarm_until_it_delivers_again(shop):
    url, web = shop.web()
    with watched(shop) as look:
        shop.sandbox.weather(carrier_error=30007)
        send(shop, url, 6)
        wait_for(lambda: "country_rate" in look(), web)
        alarm = look()["country_rate"]
        assert alarm.subject == "US"
        assert [code.label for code in alarm.codes] == ["30007"]
        assert {"sender_rate"} <= set(look())
        shop.sandbox.clear_weather()
        send(shop, url, 8, first=10)
        wait_for(lambda: look() == {}, web)


@pytest.mark.long
@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_refused_credentials_raise_an_alarm_until_they_are_taken(shop):
    url, web = shop.web()
    with watched(shop) as look:
        shop.sandbox.weather(credentials_refused=1)
        send(shop, url, 1)
        wait_for(lambda: "sender_held" in look(), web)
        assert [code.label for code in look()["sender_held"].codes] == ["20003"]
        shop.sandbox.clear_weather()
        wait_for(lambda: "sender_held" not in look(), web, seconds=60)


@pytest.mark.long
@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_lost_receipts_raise_an_alarm_until_they_come(shop):
    url, web = shop.web()
    with watched(shop) as look:
        shop.sandbox.weather(lost_receipts=100)
        send(shop, url, 5)
        wait_for(lambda: set(look()) == {"receipts_silent"}, web)
        shop.sandbox.clear_weather()
        send(shop, url, 1, first=10)
        wait_for(lambda: look() == {}, web)


@pytest.mark.long
@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_calls_that_break_off_raise_an_alarm_until_their_fate_is_known(shop):
    url, web = shop.web()
    with watched(shop) as look:
        shop.sandbox.weather(error_after=100, lost_receipts=100)
        send(shop, url, 1)
        wait_for(lambda: "unknown_old" in look(), web)
        shop.sandbox.clear_weather()
        wait_for(lambda: "unknown_old" not in look(), web)


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_receipts_signed_with_another_token_raise_an_alarm(shop):
    """As after a rotation of which nobody told us."""
    url, web = shop.web(TWILIO_AUTH_TOKEN="f" * 32, TWILIO_API_KEY_SID="", TWILIO_API_KEY_SECRET="")
    with watched(shop) as look:
        for number in range(8):
            post(url, shop.key, shipment(f"order-{number:04}-shipped"))
        sign = {"X-Twilio-Signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
        for _ in range(5):
            refused(url, sign)
        wait_for(lambda: "signatures_refused" in look(), web)


def refused(url, headers):
    import urllib.error
    import urllib.request

    request = urllib.request.Request(f"{url}/twilio/status-callback", b"a=1", headers)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=5)
