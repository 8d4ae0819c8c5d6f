"""Whole journeys, with everything that can go wrong, and no trace of whom we text or how.

Not in the logs, gunicorn's access log and the libraries' own included; not in an error's answer;
not in a metric.
"""

import http.client
import json
import re
import socket
from contextlib import closing
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat
from sqlalchemy import create_engine, text

from tests.conftest import ENVIRONMENT, TOKEN, shipment, sid
from tests.system import wait_for
from tests.web.signing import receipt, signature

# Each for one way to go wrong.
DELIVERED, LATER, HIDDEN = "+15558675310", "+447911123456", "+819012345678"
BUSY, BROKEN, CUT, SILENT = "+15558675311", "+15558675312", "+15558675313", "+15558675314"
IMPOSSIBLE, OPTED_OUT = "+15005550001", "+15005550004"  # Twilio's own test numbers
UNLUCKY, STRANGER, NEVER = "+33612345678", "+4915123456789", "+61412345678"
PHONES = [v for k, v in list(globals().items()) if k.isupper() and str(v).startswith("+")]

METRICS_TOKEN = "metrics-token-of-the-tests"
SECONDARY = "the-token-after-this-one"
WRONG_KEY = "a-key-that-opens-nothing-at-all"
TRACKING = "https://example.com/track/very-private-1001"
INBOUND = "Where is my parcel, says Alice"
SECRETS = [
    METRICS_TOKEN,
    SECONDARY,
    WRONG_KEY,
    TRACKING,
    INBOUND,
    TOKEN,
    "very-private",
    "has shipped",
    ENVIRONMENT["SECRET_KEY"],
    ENVIRONMENT["PHONE_KEY"],
]

# What may stand between two digits of a number, three times over.
BETWEEN = r"(?:%25|%[0-9A-Fa-f]{2}|\\u[0-9a-f]{4}|[^0-9A-Za-z%]){0,3}"


def leaks(haystack, secrets=()):
    """Return what of the numbers and secrets is in a text, in whatever form."""
    found = []
    for phone in PHONES:
        national = str(phonenumbers.parse(phone).national_number)
        if re.search(BETWEEN.join(national), haystack):
            found.append(phone)
    for secret in [*SECRETS, *secrets]:
        forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
        forms |= {json.dumps(secret)[1:-1], secret.replace(" ", "")}
        found += [secret] * any(form.lower() in haystack.lower() for form in forms)
    return found


def written(phone):
    """Return a number as people and programs write it."""
    number = phonenumbers.parse(phone)
    forms = [
        phonenumbers.format_number(number, form)
        for form in (
            PhoneNumberFormat.E164,
            PhoneNumberFormat.INTERNATIONAL,
            PhoneNumberFormat.NATIONAL,
            PhoneNumberFormat.RFC3966,
        )
    ]
    forms += [str(number.national_number), phone[1:], f"00{phone[1:]}"]
    escaped = [escape(form) for form in forms for escape in (quote, quote_plus)]
    return list(dict.fromkeys(forms + escaped))


@pytest.mark.parametrize("phone", PHONES)
def test_the_search_finds_a_number_in_every_form(phone):
    for form in written(phone):
        assert leaks(f'{{"message":"sent to {form}, well"}}') == [phone], form
        assert leaks(json.dumps({"message": f"{form}:x"})) == [phone], form


@pytest.mark.parametrize("secret", SECRETS)
def test_the_search_finds_a_secret_in_every_form(secret):
    for form in (secret, quote(secret), quote_plus(secret), json.dumps(secret), secret.upper()):
        assert secret in leaks(f"GET /?key={form} HTTP/1.1"), form


def test_the_search_finds_nothing_where_nothing_is():
    fields = {"to": "+*******5310", "event_id": "order-1001", "message_sid": sid(7)}
    assert leaks(json.dumps(fields)) == []


class Journey:
    """Somebody who asks for things and notes every answer."""

    def __init__(self, system, url):
        self.system, self.url, self.refused = system, url, []

    def ask(self, method, path, body=None, **headers):
        """Send a request, and note its answer if it is a refusal."""
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)) as caller:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            caller.request(method, path, body, names)
            answer = caller.getresponse()
            said = answer.read().decode()
        if answer.status >= 400:
            self.refused.append(f"{answer.status} {answer.getheaders()} {said}")
        return answer.status, said

    def ships(self, phone, prefer="wait=10", key=None, **changes):
        """Post a shipment to a number; its event id holds the number, as a careless one would."""
        number = phone[1:]
        changes = {"phone": phone, "trackingUrl": TRACKING, "orderId": "very-private"} | changes
        body = shipment(changes.pop("event_id", f"order-{phone}-{number[-2:]}"), **changes)
        return self.ask(
            "POST",
            "/api/order-shipped-sms",
            json.dumps(body),
            Content_Type="application/json",
            Authorization=f"Bearer {key or self.system.key}",
            Prefer=prefer,
        )

    def reads(self, path):
        return self.ask("GET", path, Authorization=f"Bearer {self.system.key}")

    def posts(self, path, fields, signed=None):
        """Post a webhook, truly signed unless told otherwise."""
        headers = {"X_Twilio_Signature": signed or signature(self.url + path, fields)}
        form = "application/x-www-form-urlencoded"
        return self.ask("POST", path, urlencode(fields), Content_Type=form, **headers)

    def mutters(self, line):
        """Send bytes that are no HTTP, and note the answer."""
        place = urlsplit(self.url)
        with socket.create_connection((place.hostname, place.port), timeout=10) as caller:
            caller.sendall(line.encode())
            caller.shutdown(socket.SHUT_WR)
            answer = caller.makefile("rb").read().decode()
        self.refused.append(answer)
        assert answer.startswith("HTTP/1.1 4"), answer


def good_days(journey):
    for event_id in [f"order {form}" for form in written(DELIVERED)]:
        status, _ = journey.ships(DELIVERED, event_id=event_id)
        assert status == 202
    assert journey.ships(LATER, prefer="respond-async")[0] == 202
    status, said = journey.ships(HIDDEN)
    assert status == 202
    assert journey.ships(HIDDEN)[0] == 200
    assert journey.ships(HIDDEN, orderId="other")[0] == 422
    assert journey.reads(f"/api/messages/{json.loads(said)['sid']}")[0] == 200


def bad_days(journey):
    weather, clear = journey.system.sandbox.weather, journey.system.sandbox.clear_weather
    assert journey.ships(IMPOSSIBLE)[0] == 502
    assert journey.ships(IMPOSSIBLE)[0] == 502
    assert journey.ships(OPTED_OUT)[0] == 409
    assert journey.ships(OPTED_OUT, event_id="order-1002")[0] == 409
    for phone, trouble in ((BUSY, "too_many_requests"), (BROKEN, "error_after")):
        weather(**{trouble: 100})
        assert journey.ships(phone)[0] == 202
        clear()
    weather(reset_after=100)
    assert journey.ships(CUT)[0] == 202
    clear()


def a_broken_database(journey):
    """Let the database refuse one number; its error tells the whole row."""
    url = journey.system.environment["DATABASE_URL"]
    engine = create_engine(url)
    with engine.begin() as conn:
        if engine.dialect.name == "postgresql":
            rule = "ALTER TABLE phone ADD CHECK (country <> 'FR')"
        else:
            rule = """CREATE TRIGGER no_fr BEFORE INSERT ON phone WHEN NEW.country = 'FR'
                BEGIN SELECT RAISE(ABORT, 'no'); END"""
        conn.execute(text(rule))
    engine.dispose()
    assert journey.ships(UNLUCKY)[0] == 500
    arguments = (UNLUCKY, UNLUCKY[1:], STRANGER)
    commands = [journey.system.start("flask", "opt-out", number) for number in arguments]
    assert [command.wait(30) for command in commands] == [1, 1, 0]


def careless_callers(journey):
    for form in written(NEVER):
        loose = quote(form, safe="+()")
        for path in (
            f"/api/messages/{loose}",
            f"/api/deliveries/{loose}",
            f"/api/deliveries?eventId={loose}",
            f"/api//messages/{loose}?phone={loose}",
            f"/{loose}?key={journey.system.key}&token={TOKEN}",
            f"/static/{loose}",
            f"/readyz/{loose}",
        ):
            assert journey.reads(path)[0] in {400, 404}
            assert journey.ask("GET", path, Accept="text/html")[0] in {401, 404}
        journey.ask("GET", "/api/nope", X_Phone=quote(form), User_Agent=quote(form))
        journey.ships(form + "x", event_id=form)
        journey.ships(DELIVERED, orderId=5, trackingUrl=form, consentAt=form)
        journey.ships(NEVER, key=WRONG_KEY)
        journey.ships(NEVER, key=quote(form))
    assert journey.ask(NEVER, f"/{NEVER}")[0] == 404
    assert journey.ask("PROPFIND", f"/{NEVER}")[0] == 404
    assert journey.ask("POST", "/api/order-shipped-sms", "x" * 99_999, phone=NEVER)[0] == 401
    assert journey.ask("GET", "/metrics", Authorization=f"Bearer {METRICS_TOKEN}x")[0] == 401
    key = journey.system.key
    for line in (
        f"GET /{NEVER}?key={key}\r\n\r\n",
        f"{NEVER} {key}\r\n\r\n",
        f"GET / HTTP/9.{NEVER}\r\n\r\n",
        f"GET / HTTP/1.1\r\nAuthorization Bearer {key}\r\n\r\n",
        f"GET / HTTP/1.1\r\nPhone {NEVER}: {TOKEN}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\n {NEVER} {METRICS_TOKEN}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nExpect: {NEVER} {key}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {NEVER}\r\n\r\n",
        f"GET /{'x' * 5000}{NEVER} HTTP/1.1\r\n\r\n",
    ):
        try:
            journey.mutters(line)
        except AssertionError as error:
            assert "HTTP/1.1 5" in str(error)  # 501: an encoding nobody knows


def webhooks(journey):
    callback = "/twilio/status-callback"
    stray = receipt(To=STRANGER, Body=INBOUND)
    assert journey.posts(f"{callback}?attempt={STRANGER}", stray)[0] == 204
    assert journey.posts(callback, receipt(AccountSid=f"AC{9:032x}", To=STRANGER))[0] == 204
    assert journey.posts(callback, receipt(MessageStatus=STRANGER))[0] == 400
    assert journey.posts(callback, receipt(MessageSid=STRANGER))[0] == 400
    assert journey.posts(callback, stray, signed=TOKEN)[0] == 403
    assert journey.posts(callback, receipt(Body=INBOUND * 9999))[0] == 413
    assert journey.ask("GET", f"{callback}?{urlencode(stray)}")[0] == 405


def test_nothing_that_is_written_or_answered_tells_whom_we_text(system, request):
    url, _ = system.web(
        GUNICORN_CMD_ARGS="--access-logfile - --log-level debug --capture-output",
        METRICS_TOKEN=METRICS_TOKEN,
        TWILIO_AUTH_TOKEN_SECONDARY=SECONDARY,
        API_RATE_LIMIT="1000/day",
        MAX_TEXTS_PER_NUMBER_PER_DAY="1000",
    )
    journey = Journey(system, url)
    on_sqlite = system.environment["DATABASE_URL"].startswith("sqlite")
    if on_sqlite:  # 10 s, meanwhile the others go on
        system.sandbox.weather(timeout_after=100)
        journey.ships(SILENT, prefer="respond-async")
        wait_for(system.sandbox.messages)
        system.sandbox.clear_weather()
    good_days(journey)
    bad_days(journey)
    if on_sqlite:  # they come to no database
        careless_callers(journey)
    webhooks(journey)
    a_broken_database(journey)
    status, metrics = journey.ask("GET", "/metrics", Authorization=f"Bearer {METRICS_TOKEN}")
    assert status == 200
    if on_sqlite:
        wait_for(lambda: '"trouble":"timeout"' in system.logs())
    system.stop()
    logs = system.logs()

    for happened in (
        '"message":"sent"',
        '"message":"send failed"',
        '"message":"stray receipt"',
        '"effect":"moved"',
        '"message":"opted out"',
        '"message":"bug"',
        '"message":"crashed"',
        '"twilio_code":21610',
        '"twilio_code":20429',
        '"effect":"stray"',
    ):
        assert happened in logs, happened
    if on_sqlite:
        assert '"method":"other"' in logs
        assert '"message":"Invalid request' in logs
        assert len(journey.refused) > 100
    for place, said in (
        ("logs", logs),
        ("answers", "\n".join(journey.refused)),
        ("metrics", metrics),
    ):
        assert leaks(said, [system.key]) == [], place
    for line in logs.splitlines():
        if line.startswith("{"):
            json.loads(line)
    outside = [line for line in logs.splitlines() if not line.startswith("{")]
    assert "Traceback" not in "\n".join(outside)
