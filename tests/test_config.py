"""Settings: each variable, all faults at once, and never a value in what is said about them."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from smsapp import config
from smsapp.config import ConfigError, Settings
from smsapp.config_types import MailServer
from smsapp.mail_address import Mailbox
from tests.conftest import ENVIRONMENT, ROOT

VARIABLES = {name.upper() for name in Settings.model_fields}
SID = "0123456789abcdef" * 2
BIN = Path(sys.executable).parent


def load(**changes):
    return config.load(ENVIRONMENT | changes)


def faults(**changes):
    with pytest.raises(ConfigError) as raised:
        load(**changes)
    assert all(fault in str(raised.value) for fault in raised.value.faults)
    return raised.value.faults


def example():
    """Return .env.example as (variable, value, the line above it)."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return [
        (*line.split("=", 1), above)
        for above, line in pairwise(lines)
        if line and not line.startswith("#")
    ]


def test_the_example_names_every_variable_once_and_no_other():
    names = [name for name, _, _ in example()]
    assert sorted(names) == sorted(VARIABLES)


def test_each_variable_of_the_example_has_its_line_of_comment():
    for name, _, above in example():
        assert re.fullmatch(r"# [A-Z].{10,98}\.", above), name


def test_the_example_shows_the_defaults():
    given = {name: value for name, value, _ in example() if value}
    assert load(**given) == load(**dict.fromkeys(given, ""))


# Whole numbers, each with the least and the most that it may be.
RANGES = {
    "TRUSTED_PROXIES": (0, 10),
    "LEASE_SECONDS": (15, 3600),
    "RECONCILE_GRACE_SECONDS": (1, 3600),
    "ORDER_SHIPPED_MAX_AGE_HOURS": (1, 8760),
    "BODY_RETENTION_DAYS": (1, 36500),
    "PHONE_RETENTION_DAYS": (1, 36500),
    "WEBHOOK_RETENTION_DAYS": (1, 36500),
    "PUMPING_WINDOW_MINUTES": (1, 1440),
    "ALARM_DELIVERY_RATE": (0, 100),
    "ALARM_WINDOW_MINUTES": (5, 1440),
    "ALARM_OUTBOX_SECONDS": (1, 86400),
    "WORKER_METRICS_PORT": (1, 65535),
    "PORT": (1, 65535),
    "WEB_CONCURRENCY": (1, 256),
    "WEB_THREADS": (1, 10000),
    "WORKER_THREADS": (1, 1024),
}
GOOD = {
    "SECRET_KEY": "x" * 32,
    "PHONE_KEY": "y" * 100,
    "PUBLIC_BASE_URL": "https://shop.example:8443/sms",
    "TWILIO_ACCOUNT_SID": f"AC{SID}",
    "TWILIO_AUTH_TOKEN": "t",
    "TWILIO_AUTH_TOKEN_SECONDARY": "u",
    "TWILIO_API_KEY_SID": f"SK{SID}",
    "TWILIO_API_KEY_SECRET": "s",
    "TWILIO_FROM_NUMBER": "+447700900123",
    "TWILIO_MESSAGING_SERVICE_SID": f"MG{SID}",
    "TWILIO_VERIFY_SERVICE_SID": f"VA{SID}",
    "TWILIO_BASE_URL": "http://127.0.0.1:8001",
    "REQUIRE_TWILIO_SIGNATURE": "yes",
    "MAIL_URL": "smtps://shop%40example.com:p%2Fw@smtp.example.com:2465",
    "MAIL_FROM": "Ann’s Shop <orders@EXAMPLE.com>",
    "DATABASE_URL": "postgresql+psycopg://shop:pass@db:5432/smsapp",
    "RATELIMIT_STORAGE_URI": "redis://:pass@cache:6379/0",
    "API_RATE_LIMIT": "10/second;3000/minute",
    "UNDELIVERED_RETRY_MINUTES": "1, 2",
    "BLANK_BODIES_AT_TWILIO": "true",
    "WEBHOOK_ALLOW_PRIVATE": "true",
    "SHOP_NAME": "Ann’s Shop",
    "CONFIRM_SIGN_UPS": "true",
    "SUPPORT_ANSWERS_WITHIN": "within a day",
    "QUIET_HOURS": "22:30-07:00",
    "SMART_ENCODING": "false",
    "BATCH_FOUR_EYES": "0",
    "AUTO_REPLY": "Thank you. We read this on weekdays.",
    "TWILIO_WHATSAPP_FROM": "whatsapp:+15005550006",
    "WHATSAPP_TEMPLATES": str(ROOT / "tests" / "templates.toml"),
    "TWILIO_VOICE_FROM": "+15005550006",
    "CALLS_PER_SECOND": "2.5",
    "VOICE_MENU": str(ROOT / "tests" / "phone_menu.toml"),
    "VOICE_NUMBERS": "shop=+447700900123, shop = +819012345678,",
    "VOICEMAIL_TO": "+447700900123",
    "REMINDERS": "P1W,P1DT12H, PT30M",
    "CONFIRM_APPOINTMENTS": "false",
    "WORDS_FILE": str(ROOT / "tests/words.toml"),
    "ONCALL_POLICY": str(ROOT / "tests/escalation.toml"),
    "ONCALL_STORM": "1",
    "ALARMS_OPEN_INCIDENTS": "true",
    "PRIVACY_URL": "https://shop.example/legal?page=privacy#texts",
    "TERMS_URL": "http://shop.example/terms",
    "MESSAGES_PER_SECOND": "0.5",
    "MAX_TEXTS_PER_NUMBER_PER_DAY": "1",
    "ALLOWED_RECIPIENTS": " +4407700900123 ,+819012345678, ",
    "VERIFY_RATE_LIMIT": "1/day",
    "VERIFY_BUDGET_PER_HOUR": "1",
    "VERIFY_BUDGET_PER_DAY": "1",
    "VERIFY_COUNTRIES": " us ,GB, ",
    "VERIFY_CALLS": "yes",
    "VERIFY_WHATSAPP": "yes",
    "VERIFY_EMAIL": "yes",
    "PUMPING_MIN_STARTS": "1",
    "ALARM_MIN_SAMPLE": "1",
    "ALARM_WEBHOOK_URL": "https://hooks.example.com/services/T0/B0?x=1",
    "METRICS_TOKEN": "m" * 16,
    "EMBEDDED_WORKER": "false",
    "BIND": "::1",
}
BAD = {
    "BIND": ["localhost", "127.0.0.1:8000", "*", "unix:/run/smsapp"],
    "SECRET_KEY": ["x" * 31],
    "PHONE_KEY": ["x" * 31],
    "PUBLIC_BASE_URL": [
        "sms.example.com",
        "//sms.example.com",
        "ftp://sms.example.com",
        "HTTPS://sms.example.com",
        "https://",
        "https://sms.example.com:port",
        "https://sms.example.com:99999",
        "https://[::1",
        "https://sms.example.com/?a=1",
        "https://sms.example.com/?",
        "https://sms.example.com/#a",
        "https://user:pass@sms.example.com",
        "https://sms example.com",
        "https://münchen.example",
    ],
    "TWILIO_ACCOUNT_SID": ["AC1", f"SK{SID}", f"AC{SID}0", f"AC{'g' * 32}"],
    "TWILIO_API_KEY_SID": [f"AC{SID}", "SK"],
    "TWILIO_FROM_NUMBER": ["5005550006", "(500) 555-0006", "+1500555000", "SHOP"],
    "TWILIO_MESSAGING_SERVICE_SID": [f"AC{SID}"],
    "TWILIO_VERIFY_SERVICE_SID": [f"MG{SID}"],
    "TWILIO_BASE_URL": ["127.0.0.1:8001", "http://127.0.0.1:8001?x=1"],
    "REQUIRE_TWILIO_SIGNATURE": ["perhaps", "2", "disabled"],
    "MAIL_URL": [
        "smtp.example.com",
        "smtp://smtp.example.com",
        "smtp://user:password@127.0.0.1.example.com",
        "https://user:password@smtp.example.com",
        "smtps://",
        "smtps://user:pass/word@smtp.example.com",
        "smtps://user:password@smtp.example.com/inbox",
        "smtps://user:password@smtp.example.com?tls=no",
        "smtps://user:password@smtp.example.com#a",
        "smtps://user@smtp.example.com",
        "smtps://user:password@smtp.example.com:port",
        "smtps://user:pass word@smtp.example.com",
    ],
    "MAIL_FROM": [
        "Corner Books",
        "orders@localhost",
        "orders@example.com, ann@example.com",
        "Corner Books orders@example.com",
        "örders@example.com",
        "orders@example.com\r\nBcc: ann@example.com",
        "Books\nBcc: ann@example.com <orders@example.com>",
    ],
    "DATABASE_URL": [
        "smsapp.sqlite3",
        "mysql://localhost/smsapp",
        "postgres://localhost/smsapp",
        "postgresql://localhost:port/smsapp",
        "sqlite://",
        "sqlite:///:memory:",
    ],
    "RATELIMIT_STORAGE_URI": [
        "redis",
        "redis:",
        "redis://",
        "redis://cache:port",
        "memcached://localhost",
        "REDIS://cache",
        "async+memory://",
    ],
    "API_RATE_LIMIT": ["many", "3000", "3000/blink", "-1/minute"],
    "UNDELIVERED_RETRY_MINUTES": ["0", "5,x", "-1", "10081"],
    "BLANK_BODIES_AT_TWILIO": ["perhaps"],
    "WEBHOOK_ALLOW_PRIVATE": ["perhaps"],
    "CONFIRM_SIGN_UPS": ["perhaps"],
    "SHOP_NAME": ["x" * 41, "Ann\nShop", "Ann\x00"],
    "SUPPORT_ANSWERS_WITHIN": ["x" * 41, "in a\nday"],
    "QUIET_HOURS": ["21:00", "21-8", "21:00-25:00", "21:00-08:00-09:00", "never"],
    "SMART_ENCODING": ["maybe"],
    "BATCH_FOUR_EYES": ["-1", "many"],
    "AUTO_REPLY": ["x" * 301, "two\nlines"],
    "TWILIO_WHATSAPP_FROM": ["15005550006", "whatsapp:", "WhatsApp"],
    "WHATSAPP_TEMPLATES": ["/nowhere.toml", str(ROOT / "README.md"), str(ROOT / "pyproject.toml")],
    "TWILIO_VOICE_FROM": ["15005550006", "client:shop", f"MG{SID}"],
    "CALLS_PER_SECOND": ["0", "-1", "one"],
    "VOICE_MENU": ["/nowhere.toml", str(ROOT / "README.md"), str(ROOT / "pyproject.toml")],
    "VOICE_NUMBERS": ["+447700900123", "shop=555", "Shop=+447700900123", "shop"],
    "VOICEMAIL_TO": ["shop", "555"],
    "REMINDERS": ["a day", "P1D;PT2H", "P", "P1DT", "-P1D", "P61D", "PT0H"],
    "CONFIRM_APPOINTMENTS": ["maybe"],
    "WORDS_FILE": ["nowhere.toml", str(ROOT), str(ROOT / ".env.example"), str(ROOT / "tests")],
    "ONCALL_POLICY": ["nowhere.toml", str(ROOT), str(ROOT / "pyproject.toml")],
    "ONCALL_STORM": ["0"],
    "ALARMS_OPEN_INCIDENTS": ["perhaps"],
    "PRIVACY_URL": [
        "shop.example/privacy",
        "javascript:alert(1)",
        "https://",
        "https://a@b.example",
    ],
    "TERMS_URL": ["ftp://shop.example/", "https://shop example/"],
    "MESSAGES_PER_SECOND": ["0", "-1", "0.001", "nan", "1/2", "80/second"],
    "MAX_TEXTS_PER_NUMBER_PER_DAY": ["0", "-1", "all"],
    "ALLOWED_RECIPIENTS": ["555", "+447700900123 +819012345678", "*"],
    "VERIFY_RATE_LIMIT": ["20"],
    "VERIFY_BUDGET_PER_HOUR": ["0", "none"],
    "VERIFY_BUDGET_PER_DAY": ["-1"],
    "VERIFY_COUNTRIES": ["USA", "US;GB", "ZZ", "all,US", ",", "*"],
    "VERIFY_CALLS": ["perhaps"],
    "VERIFY_WHATSAPP": ["perhaps"],
    "VERIFY_EMAIL": ["perhaps"],
    "PUMPING_MIN_STARTS": ["0"],
    "ALARM_MIN_SAMPLE": ["0"],
    "ALARM_WEBHOOK_URL": [
        "http://hooks.example.com/",
        "hooks.example.com",
        "ftp://127.0.0.1/",
        "https://user:pass@hooks.example.com/",
        "https://hooks.example.com/#a",
        "https://",
        "http://127.0.0.1.example.com/",
    ],
    "METRICS_TOKEN": ["x" * 15],
    "EMBEDDED_WORKER": ["perhaps"],
}


for name, (least, most) in RANGES.items():
    GOOD[name] = str(most)
    BAD[name] = [str(least - 1), str(most + 1), "many", f"{least}.5", f"{least} s"]


# What is no secret and may hold anything.
SHOWN = {"AUTO_REPLY", "SHOP_NAME", "SUPPORT_ANSWERS_WITHIN", "DATABASE_URL"}


def test_every_variable_is_tried():
    assert set(GOOD) == VARIABLES
    free = {name for name in VARIABLES if name.endswith(("TOKEN", "_SECONDARY", "_SECRET"))}
    assert set(BAD) == VARIABLES - free | {"METRICS_TOKEN"}


def test_every_variable_is_read():
    settings = config.load(GOOD)
    assert settings.public_base_url == "https://shop.example:8443/sms"
    assert settings.rest_credentials == (f"SK{SID}", "s")
    assert settings.webhook_tokens == ("t", "u")
    assert settings.sms_sender == f"MG{SID}"
    assert settings.allowed_recipients == {"+447700900123", "+819012345678"}
    assert settings.require_twilio_signature is True
    assert settings.runs_embedded_worker is False
    assert settings.on_sqlite is False
    assert settings.max_texts_per_number_per_day == 1
    for name, (_, most) in RANGES.items():
        assert getattr(settings, name.lower()) == most, name
    assert settings.metrics_token.get_secret_value() == "m" * 16
    assert settings.mail_server == MailServer(
        "smtp.example.com", 2465, True, False, "shop@example.com", "p/w"
    )
    assert settings.mail_from == Mailbox("Ann’s Shop", "orders@example.com")


def test_the_senders_number_stays_as_twilio_has_it():
    """An Argentine one can be texted, although it looks like a fixed line."""
    number = "+541123456789"
    assert config.load(GOOD | {"TWILIO_FROM_NUMBER": number}).twilio_from_number == number


@pytest.mark.parametrize(("name", "value"), [(name, v) for name in BAD for v in BAD[name]])
def test_a_wrong_value_is_refused_by_the_variables_name(name, value):
    assert any(re.match(rf"{name}\b", fault) for fault in faults(**{name: value}))


def test_the_least_and_the_most_are_taken():
    for name, bounds in RANGES.items():
        for bound in bounds:
            assert getattr(config.load(GOOD | {name: str(bound)}), name.lower()) == bound, name


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_variable_counts_as_not_set(empty):
    optional = dict.fromkeys(VARIABLES - set(ENVIRONMENT), empty)
    assert load(**optional) == load()
    assert faults(SECRET_KEY=empty) == ["SECRET_KEY is not set"]


@pytest.mark.parametrize(
    ("given", "served"),
    [
        ({}, {"US"}),
        ({"TWILIO_FROM_NUMBER": "+447400123456"}, {"GB"}),
        ({"TWILIO_FROM_NUMBER": "", "TWILIO_MESSAGING_SERVICE_SID": f"MG{SID}"}, None),
        ({"VERIFY_COUNTRIES": "gb, ie"}, {"GB", "IE"}),
        ({"VERIFY_COUNTRIES": "All"}, None),
    ],
)
def test_codes_go_to_the_countries_that_are_named_or_the_senders_own(given, served):
    assert load(**{"VERIFY_COUNTRIES": ""} | given).code_countries == served


def test_without_anything_it_says_all_that_it_needs():
    with pytest.raises(ConfigError) as raised:
        config.load({})
    assert raised.value.faults == [
        "SECRET_KEY is not set",
        "PHONE_KEY is not set",
        "PUBLIC_BASE_URL is not set",
        "TWILIO_ACCOUNT_SID is not set",
        "TWILIO_AUTH_TOKEN is not set",
        "TWILIO_FROM_NUMBER or TWILIO_MESSAGING_SERVICE_SID must be set",
    ]


def test_all_faults_are_said_at_once():
    wrong = {name: values[0] for name, values in BAD.items()}
    said = faults(**wrong)
    for name in BAD:
        assert any(fault.startswith(name) for fault in said), name


def test_a_workers_metrics_need_a_token():
    assert faults(WORKER_METRICS_PORT="9100") == [
        "METRICS_TOKEN must be set where WORKER_METRICS_PORT is"
    ]
    assert load(WORKER_METRICS_PORT="9100", METRICS_TOKEN="m" * 16).worker_metrics_port == 9100


@pytest.mark.parametrize(
    "url",
    ["https://hooks.example.com/x", "http://127.0.0.1:9/", "http://localhost/", "http://[::1]/"],
)
def test_alarms_go_over_https_or_stay_on_this_machine(url):
    assert load(ALARM_WEBHOOK_URL=url).alarm_webhook_url.get_secret_value() == url


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://smtp.example.com", MailServer("smtp.example.com", 465, True, False, None, "")),
        (
            "smtp+starttls://u:p@smtp.example.com/",
            MailServer("smtp.example.com", 587, False, True, "u", "p"),
        ),
        ("smtp://127.0.0.1:8002", MailServer("127.0.0.1", 8002, False, False, None, "")),
        ("smtp://localhost", MailServer("localhost", 25, False, False, None, "")),
    ],
)
def test_mails_go_over_tls_or_stay_on_this_machine(url, server):
    assert load(MAIL_URL=url, MAIL_FROM="orders@example.com").mail_server == server


def test_mails_need_both_a_server_and_whom_they_are_from():
    both = ["MAIL_URL and MAIL_FROM must be set together"]
    assert faults(MAIL_URL="smtps://smtp.example.com") == both
    assert faults(MAIL_FROM="orders@example.com") == both
    assert load().mail_server is None


def test_half_an_api_key_is_refused():
    both = ["TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET must be set together"]
    assert faults(TWILIO_API_KEY_SID=f"SK{SID}") == both
    assert faults(TWILIO_API_KEY_SECRET="s") == both


@pytest.mark.parametrize("word", ["false", "False", "0", "no", "OFF", "n", "f"])
@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost", True),
        ("http://LOCALHOST:8000", True),
        ("http://[::1]:8000", True),
        ("https://sms.example.com", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://0.0.0.0:8000", False),
        ("http://example.com/localhost", False),
    ],
)
def test_signatures_are_required_wherever_the_world_can_reach_us(word, url, allowed):
    changes = {"PUBLIC_BASE_URL": url, "REQUIRE_TWILIO_SIGNATURE": word}
    if allowed:
        assert load(**changes).require_twilio_signature is False
    else:
        (fault,) = faults(**changes)
        assert fault.startswith("REQUIRE_TWILIO_SIGNATURE")


@pytest.mark.parametrize("processes", ["2", "+2", "2.0", "02"])
@pytest.mark.parametrize("storage", ["", "memory://", "memory:"])
def test_limits_in_memory_are_refused_with_more_than_one_process(processes, storage):
    (fault,) = faults(WEB_CONCURRENCY=processes, RATELIMIT_STORAGE_URI=storage)
    assert fault.startswith("RATELIMIT_STORAGE_URI")
    assert load(WEB_CONCURRENCY=processes, RATELIMIT_STORAGE_URI="redis://cache:6379")
    assert load(WEB_CONCURRENCY="1", RATELIMIT_STORAGE_URI=storage)


SECRET = "hunter2-Zxq9!söcret℀"  # the last sign makes urllib repeat the whole address


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        f"redis://:{SECRET}@cache:6379",
        f"redis://:pass@cache:{SECRET}",
        f"https://user:{SECRET}@sms.example.com",
        f"https://{SECRET}",
        f"https://sms.example.com:{SECRET}",
        f"postgresql://shop:{SECRET}@db:port/smsapp",
        f"postgresql://shop:pass@db:{SECRET}",
        f"mysql://shop:{SECRET}@db/smsapp",
        f"+1202555{SECRET}",
        f"[{SECRET}",
    ],
)
def test_what_is_wrong_with_a_variable_never_shows_its_value(value):
    for name in sorted(VARIABLES):
        try:
            settings = load(**{name: value})
        except ConfigError as error:
            assert name in str(error)
            assert "hunter2" not in str(error) + repr(error)
            assert error.__cause__ is None
            assert error.__suppress_context__ or error.__context__ is None
        else:
            assert name in SHOWN or "hunter2" not in repr(settings)


def test_settings_print_no_secret():
    secrets = ["SECRET_KEY", "PHONE_KEY", "TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY"]
    secrets += ["TWILIO_API_KEY_SECRET", "METRICS_TOKEN"]
    values = {name: f"hunter2-{n}-{'x' * 32}" for n, name in enumerate(secrets)}
    values["MAIL_URL"] = "smtps://user:hunter2@smtp.example.com"
    settings = load(**values, TWILIO_API_KEY_SID=f"SK{SID}", MAIL_FROM="orders@example.com")
    assert settings.mail_server.password == "hunter2"
    assert "hunter2" not in f"{settings!r} {settings}"


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1


def run(*command, **environment):
    """Run a program with these variables; empty ones hide what a .env file here may say."""
    # gunicorn reads this one by itself before any of our code, and cannot read an empty one.
    empty = dict.fromkeys(VARIABLES, "") | {"WEB_CONCURRENCY": "1"}
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"} | empty | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        ("flask", "db", "upgrade"),
        ("flask", "worker"),
        ("gunicorn", "wsgi:app"),
        ("gunicorn", "--preload", "-w", "2", "wsgi:app"),
    ],
    ids=" ".join,
)
def test_nothing_starts_with_faults_in_the_settings(command):
    ended = run(*command, SECRET_KEY="hunter2", TWILIO_AUTH_TOKEN="hunter2", PORT="hunter2")
    assert ended.returncode != 0
    said = ended.stdout + ended.stderr
    assert "hunter2" not in said
    assert "Traceback" not in said
    for fault in (
        "SECRET_KEY must have at least 32 characters",
        "PHONE_KEY is not set",
        "PUBLIC_BASE_URL is not set",
        "TWILIO_ACCOUNT_SID is not set",
        "PORT: ",
        "TWILIO_FROM_NUMBER or TWILIO_MESSAGING_SERVICE_SID must be set",
    ):
        assert f"\n  - {fault}" in said


@pytest.mark.parametrize("rate", ["10000", "100000", "inf"])
def test_a_rate_that_nothing_could_reach_is_no_throttle(rate):
    assert load(MESSAGES_PER_SECOND=rate).messages_per_second is None
