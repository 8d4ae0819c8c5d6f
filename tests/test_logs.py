"""Logs: one JSON object a line, which cannot hold what it must not."""

import ast
import base64
import errno
import io
import json
import logging
import re
import subprocess
import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import RedisError

from smsapp import logs
from smsapp.logs import LOGGED_EVENT_ID, JsonFormatter, OncePerOutage, logged_event_id, scrub
from smsapp.phone import mask
from tests.conftest import ALICE, ROOT, sid

UUID = "01890a5d-ac96-774b-bcce-b302099a8057"
FORMS = [
    "+15558675310",
    "15558675310",
    "5558675310",
    "0015558675310",
    "+1 555 867 5310",
    "+1-555-867-5310",
    "+1 (555) 867-5310",
    "(555) 867-5310",
    "555.867.5310",
    "555-867-5310",
    "555 867 5310",
    "555\u00a0867\u00a05310",
    "555\u2011867\u20115310",
    "555_867_5310",
    "867-5310",
    "%2B15558675310",
    "%2b1%20555%20867%205310",
    "%2B1+555+867+5310",
    "%28555%29%20867-5310",
    "+447700900123",
    "07700 900123",
    "077 00 90 01 23",
    "+81 90-1234-5678",
]


def line(message, *args, name="smsapp.test", error=None, **extra):
    """Return what the formatter makes of one record."""
    record = logging.LogRecord(name, logging.INFO, "", 0, message, args, error)
    vars(record).update(extra)
    written = JsonFormatter().format(record)
    assert "\n" not in written
    return json.loads(written)


def digits(text):
    return "".join(c for c in text if c.isdigit())


def test_a_line_says_what_happened_to_whom():
    fields = {
        "delivery": UUID,
        "event_id": "shipped-1001",
        "kind": "order_shipped",
        "to": mask(ALICE),
        "country": "US",
        "attempt": 2,
        "message_sid": sid(1),
        "twilio_code": 30003,
        "state": "pending",
    }
    written = line("send failed", **fields)
    assert written.pop("time").endswith("+00:00")
    assert written == {
        "level": "info",
        "logger": "smsapp.test",
        "message": "send failed",
    } | fields | {"event_id": logged_event_id("shipped-1001")}


def test_a_line_belongs_to_its_request(shop, twilio, caplog):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    try:
        one, two = shop.ships(), shop.ships("order-1002-shipped")
    finally:
        logging.getLogger().removeHandler(handler)
    lines = [json.loads(text) for text in stream.getvalue().splitlines()]
    for answer in (one, two):
        request = answer.headers["X-Request-Id"]
        said = [entry for entry in lines if entry["request_id"] == request]
        assert [entry["message"] for entry in said] == ["sent", "request"]
        assert said[0]["message_sid"] == said[1].get("message_sid", answer.json["sid"])
        assert said[0]["event_id"] == said[1]["event_id"]
        assert said[0]["to"] == said[1]["to"] == "+*******0123"
        assert said[0]["attempt"] == 1
        assert said[1]["route"] == "/api/order-shipped-sms"


def test_fields_that_are_not_on_the_list_are_dropped():
    assert set(line("sent", body="Your order", phone=ALICE, password="hunter2", to=None)) == {
        "time",
        "level",
        "logger",
        "message",
    }


def test_our_own_texts_are_constant():
    assert line("to %s", ALICE)["message"] == "to %s"


def test_an_exception_keeps_its_place_and_loses_its_text():
    try:
        try:
            raise KeyError(ALICE)
        except KeyError as error:
            raise ValueError(f"cannot text {ALICE}") from error
    except ValueError:
        written = line("bug", error=sys.exc_info())
    kinds = [part for part in written["exception"] if part.startswith("builtins.")]
    assert kinds == ["builtins.KeyError", "builtins.ValueError"]
    assert any("test_logs.py" in part for part in written["exception"])
    assert ALICE not in json.dumps(written)


def test_an_error_of_the_systems_keeps_its_code():
    try:
        raise OSError(errno.EMFILE, ALICE)
    except OSError:
        written = line("bug", error=sys.exc_info())
    assert written["exception"][0] == "builtins.OSError EMFILE"
    assert ALICE not in json.dumps(written)


def test_a_hidden_cause_stays_hidden():
    try:
        try:
            raise KeyError(ALICE)
        except KeyError:
            raise ValueError from None
    except ValueError:
        written = line("bug", error=sys.exc_info())
    assert "builtins.KeyError" not in written["exception"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("around", ["{}", "to={}&x=1", "“{}”", "tel:{};", "a{}b", "\n{}\n", "[{}]"])
def test_a_number_in_somebody_elses_text_is_blotted_out(form, around):
    written = line("GET %s", around.format(form), name="urllib3.connectionpool")["message"]
    assert "[number]" in written
    assert digits(form)[-4:] not in written


@pytest.mark.parametrize(
    "text",
    [
        f"message {sid(1)} of AC{'0123456789' * 3}ab",
        f"delivery {UUID}",
        f"phone {'0123456789abcdef' * 4}",
        "Listening at: http://0.0.0.0:8000 (12345)",
        "Booting worker with pid: 123456",
        "at 2026-11-21T09:30:00.123456Z",
        "[2026-11-21 09:30:00 +0000]",
        "due 2026-11-21 09:30, not 2026-11-22",
        "2026-11-21T09:30:00+00:00",
        "port 5432 failed: error 111, SQLSTATE 08006",
        "took 123456 ms",
    ],
)
def test_times_and_identifiers_stay_readable(text):
    assert scrub(text) == text


@given(st.text(max_size=60))
def test_anything_can_be_scrubbed(text):
    scrubbed = scrub(text)
    assert scrub(scrubbed) == scrubbed


def full_width(text):
    return "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in text)


DISGUISES = [
    str,
    full_width,
    quote,
    lambda text: quote(quote(text, safe="")),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b32encode(text.encode()).decode().lower(),
    lambda text: text.encode().hex(),
    lambda text: f"{int(re.sub(r'[^0-9]', '', text)):x}",
    lambda text: text[::-1],
]


@given(
    st.from_regex(r"\+?[0-9]{7,15}", fullmatch=True),
    st.sampled_from(DISGUISES),
    st.sampled_from(["{}", "{}-shipped", "order-{}", "order-{}-shipped", "a:{}", "ORDER-{}"]),
)
def test_of_an_event_id_no_number_is_logged_however_it_is_disguised(number, disguise, around):
    words = around.partition("{")[0]
    logged = line("event", event_id=around.format(disguise(number)))["event_id"]
    assert re.fullmatch(rf"({words})?~[0-9a-f]{{12}}", logged)


@given(st.text(min_size=6, max_size=120))
def test_an_event_id_is_known_again_by_its_first_words_and_its_mark(event_id):
    logged = logged_event_id(event_id)
    assert logged == logged_event_id(event_id)
    assert LOGGED_EVENT_ID.findall(f'"event_id":"{logged}",') == [logged]
    words, _, mark = logged.partition("~")
    assert event_id.startswith(words)
    assert (len(words) <= 12, len(mark)) == (True, 12)


def test_two_event_ids_are_not_taken_for_each_other():
    logged = {logged_event_id(f"order-{number}-shipped") for number in range(10_000)}
    assert len(logged) == 10_000


def test_nobody_can_try_all_numbers_without_the_installations_key(monkeypatch):
    logged = logged_event_id("15558675310")
    monkeypatch.setitem(logs._keys, "event_id", b"another key")
    assert logged_event_id("15558675310") != logged


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Error handling request POST /api/x?key=hunter2", "Error handling request"),
        (
            "Invalid request from ip=127.0.0.1: Invalid HTTP Header: 'Bearer hunter2'",
            "Invalid request from ip=127.0.0.1: Invalid HTTP Header",
        ),
        (
            "Invalid request from ip=10.0.0.1: Invalid HTTP request line: 'GET hunter2\\n'",
            "Invalid request from ip=10.0.0.1: Invalid HTTP request line",
        ),
        ("Worker exiting (pid: 42)", "Worker exiting (pid: 42)"),
    ],
)
def test_gunicorn_does_not_repeat_what_a_caller_sent(message, kept):
    assert line(message, name="gunicorn.error")["message"] == kept


@pytest.mark.parametrize("name", ["twilio", "twilio.http_client", "urllib3", "werkzeug", "alembic"])
def test_libraries_that_write_whole_requests_are_told_not_to(app, name):
    assert not logging.getLogger(name).isEnabledFor(logging.INFO)


@pytest.mark.parametrize(("error", "is_written"), [(RedisError(), False), (KeyError(), True)])
def test_the_limiter_repeats_no_outage_and_hides_no_other_error(error, is_written):
    exception = (type(error), error, None)
    record = logging.LogRecord("flask-limiter", logging.ERROR, "", 0, "failed", (), exception)
    assert OncePerOutage().filter(record) == is_written


def test_a_crash_is_a_line_too_and_prints_no_text():
    code = """if True:
        import gevent, threading
        from smsapp import logs
        logs.set_up(b"key")
        logs.catch_crashes()
        def crash(*_):
            raise ValueError("+15558675310")
        thread = threading.Thread(target=crash)
        thread.start()
        thread.join()
        gevent.spawn(crash).join()
        type("Dying", (), {"__del__": crash})()
        crash()
    """
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "5310" not in ended.stdout + ended.stderr
    lines = [json.loads(text) for text in ended.stderr.splitlines()]
    beside = "failed beside a request"
    assert [entry["message"] for entry in lines] == ["crashed", beside, beside, "crashed"]
    assert all("builtins.ValueError" in entry["exception"] for entry in lines)


def test_every_field_that_a_line_is_given_is_written():
    """A field without a name in FIELDS is left out, and the line says less than it was meant to."""
    left_out = {
        (str(path.relative_to(ROOT)), key.value)
        for path in (ROOT / "smsapp").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("log.")
        for given in call.keywords
        if given.arg == "extra" and isinstance(given.value, ast.Dict)
        for key in given.value.keys
        if isinstance(key, ast.Constant) and key.value not in logs.FIELDS
    }
    assert left_out == set()
