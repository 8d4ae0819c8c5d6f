"""flask doctor: each thing that is wrong is told apart from the others, with what to do."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import delete, text

from smsapp import clock, tally
from smsapp.doctor import data, examination, here
from smsapp.doctor.findings import Mark
from smsapp.extensions import database_now, db
from smsapp.models import ApiKey, Delivery, Worker
from smsapp.recipients import phones
from smsapp.sandbox.verify import service
from tests.conftest import (
    ALICE,
    ENVIRONMENT,
    ROOT,
    TOKEN,
    change,
    make_app,
    on_one_database,
    read_only,
    schema_of,
    settings_of,
)
from tests.doctor.conftest import KEY, SECRET, WHOLE, serving

FROM = ENVIRONMENT["TWILIO_FROM_NUMBER"]
SERVICE = "MG" + "2" * 32
OTHER = "+14155550100"


def bad(findings):
    """Return what is not in order, but for two things that are so by design in these tests."""
    return [
        finding
        for finding in findings
        if finding.mark is not Mark.OK
        and "fsync is off" not in finding.words  # the tests' PostgreSQL is in a hurry
        and "and not to Twilio" not in finding.words
    ]


def test_an_installation_in_order_has_no_faults(examine):
    findings = examine()
    assert bad(findings) == []
    about = [finding.about for finding in findings]
    assert list(dict.fromkeys(about)) == [
        "Settings",
        "Files",
        "Database",
        "Migrations",
        "Numbers",
        "Clock",
        "Worker",
        "API keys",
        "On call",
        "Redis",
        "Public address",
        "Twilio account",
        "Sender",
        "Texts back",
        "Verify",
        "Calls",
        "Mail",
    ]
    assert about.count("Clock") == 2


ON_WHATSAPP = {
    "TWILIO_WHATSAPP_FROM": "+14155238886",
    "WHATSAPP_TEMPLATES": str(ROOT / "smsapp" / "launcher" / "whatsapp.toml"),
}


def test_the_templates_of_make_run_are_approved_with_a_gap_for_each_field(examine):
    findings = examine(**ON_WHATSAPP)
    assert bad(findings) == []
    assert ("WhatsApp templates", "all approved") in [(one.about, one.words) for one in findings]


def test_a_template_that_does_not_fit_is_named(examine, tmp_path):
    file = tmp_path / "templates.toml"
    first, last = "HX" + "0" * 31 + "1", "HX" + "9" * 32
    named = f'[order_ready]\nen = "{first}"\n[order_lost]\nen = "{first}"\n'
    file.write_text(f'{named}[support_received]\nde = "{last}"\n')
    found = bad(examine(**ON_WHATSAPP | {"WHATSAPP_TEMPLATES": str(file)}))
    assert [(one.about, one.words) for one in found] == [
        ("WhatsApp template order_ready, en", "It has 2 gaps, and the kind has 3 fields."),
        ("WhatsApp template order_lost, en", "There is no such kind."),
        (
            "WhatsApp template support_received, de",
            "The account has no such thing as the template in WHATSAPP_TEMPLATES.",
        ),
    ]


def test_without_templates_it_says_what_becomes_of_messages(examine):
    (found,) = bad(examine(**ON_WHATSAPP | {"WHATSAPP_TEMPLATES": ""}))
    assert (found.mark, found.about) == (Mark.WARNING, "WhatsApp templates")


def test_a_messaging_service_in_order_has_no_faults(examine):
    findings = examine(TWILIO_MESSAGING_SERVICE_SID=SERVICE)
    assert bad(findings) == []
    assert any("Messaging Service points here" in finding.words for finding in findings)


def test_an_api_key_is_used_where_there_is_one(examine):
    assert bad(examine(TWILIO_API_KEY_SID=KEY, TWILIO_API_KEY_SECRET=SECRET)) == []


# What is broken in the sandbox's account, its weather, or the settings; then the one finding.
BROKEN = {
    "the credentials are refused": (
        {"weather": {"credentials_refused": 1}},
        (Mark.FAULT, "Twilio account", "refuses the account SID with the auth token (401)"),
    ),
    "the auth token is an old one": (
        {"sandbox": {"auth_token": "a newer one"}},
        (Mark.FAULT, "Twilio account", "TWILIO_AUTH_TOKEN"),
    ),
    "the account is suspended": (
        {"sandbox": {"account_status": "suspended"}},
        (Mark.FAULT, "Twilio account", "It is suspended: nothing is sent."),
    ),
    "the account is on trial": (
        {"sandbox": {"account_type": "Trial"}},
        (Mark.WARNING, "Twilio account", "trial account"),
    ),
    "nothing listens where Twilio should": (
        {"TWILIO_BASE_URL": "http://127.0.0.1:9"},
        (Mark.FAULT, "Twilio", "nothing takes the connection"),
    ),
    "Twilio's name cannot be resolved": (
        {"TWILIO_BASE_URL": "http://twilio.invalid"},
        (Mark.FAULT, "Twilio", "its name cannot be resolved"),
    ),
    "the public address leads nowhere": (
        {"PUBLIC_BASE_URL": "http://127.0.0.1:9"},
        (Mark.FAULT, "Public address", "nothing takes the connection"),
    ),
    "a Messaging Service does not tell whom the shop serves": (
        {"TWILIO_FROM_NUMBER": "", "TWILIO_MESSAGING_SERVICE_SID": SERVICE, "VERIFY_COUNTRIES": ""},
        (Mark.WARNING, "Verify", "send codes to every country"),
    ),
    "the number is another account's": (
        {"sandbox": {"from_number": OTHER}},
        (Mark.FAULT, "Sender", "is not a number of this account's"),
    ),
    "the number cannot send texts": (
        {"sandbox": {"number_sends_texts": False}},
        (Mark.FAULT, "Sender", "cannot send texts"),
    ),
    "the Messaging Service is another account's": (
        {
            "sandbox": {"messaging_service_sid": "MG" + "3" * 32},
            "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
        },
        (Mark.FAULT, "Sender", "no such thing as the Messaging Service"),
    ),
    "the Verify Service is another account's": (
        {"sandbox": {"verify_service_sid": "VA" + "9" * 32}},
        (Mark.FAULT, "Verify", "no such thing as the Verify Service"),
    ),
    "Verify is down": (
        {"weather": {"verify_unavailable": 100}},
        (Mark.FAULT, "Verify", "it answers that it has trouble"),
    ),
    "there is no Verify Service": (
        {"TWILIO_VERIFY_SERVICE_SID": ""},
        (Mark.WARNING, "Verify", "customers cannot prove a number"),
    ),
    "the webhook points elsewhere": (
        {"sandbox": {"inbound_url": "https://user:secret@old.example/twilio/inbound#rc=5&rp=all"}},
        (Mark.FAULT, "Texts back", "points to another address, at old.example"),
    ),
    "the webhook points nowhere": (
        {"sandbox": {"public_base_url": ""}},
        (Mark.FAULT, "Texts back", "points nowhere"),
    ),
    "the webhook uses GET": (
        {"sandbox": {"inbound_method": "GET"}},
        (Mark.FAULT, "Texts back", "uses GET"),
    ),
    "the Messaging Service's webhook uses GET": (
        {"sandbox": {"inbound_method": "GET"}, "TWILIO_MESSAGING_SERVICE_SID": SERVICE},
        (Mark.FAULT, "Texts back", "of the Messaging Service uses GET"),
    ),
    "Redis is away": (
        {"RATELIMIT_STORAGE_URI": "redis://:hunter2@127.0.0.1:9/0"},
        (Mark.FAULT, "Redis", "does not answer (ConnectionError)"),
    ),
    "webhooks need no signature": (
        {"REQUIRE_TWILIO_SIGNATURE": "false"},
        (Mark.WARNING, "Settings", "anybody on this machine can forge one"),
    ),
    "only some numbers are texted": (
        {"ALLOWED_RECIPIENTS": ALICE},
        (Mark.WARNING, "Settings", "Only the numbers in ALLOWED_RECIPIENTS are texted: 1"),
    ),
}


BROKEN |= {
    f"{name} is missing": ({name: ""}, (Mark.WARNING, "Settings", f"Set {name}: "))
    for name in WHOLE
    if name != "TWILIO_VERIFY_SERVICE_SID"
}


@on_one_database
def test_numbers_under_two_spellings_are_a_warning(app, examine):
    with app.app_context(), db.engine.begin() as conn:
        phones.remember(conn, {"a" * 64: "+4407700900123"}, database_now(conn))
    (finding,) = bad(examine())
    assert (finding.mark, finding.about) == (Mark.WARNING, "Numbers")
    assert "flask numbers merge" in finding.advice


@on_one_database
@pytest.mark.parametrize("what", BROKEN)
def test_one_thing_that_is_broken_is_one_finding(examine, what):
    change, (mark, about, words) = BROKEN[what]
    (finding,) = bad(examine(**change))
    assert (finding.mark, finding.about) == (mark, about)
    assert words in f"{finding.words} {finding.advice}"
    assert len(finding.advice) > 10


@on_one_database
def test_codes_of_another_length_than_the_pages_ask_for_are_a_warning(examine, monkeypatch):
    monkeypatch.setattr(service, "CODE_DIGITS", 4)
    (finding,) = bad(examine())
    assert (finding.mark, finding.about) == (Mark.WARNING, "Verify")
    assert "Its codes have 4 digits, and the pages ask for 6." in finding.words


@on_one_database
@pytest.mark.parametrize("fragment", ["", "#rc=1&rp=all", "#rc=5", "#rc=5&rp=ct"])
def test_a_webhook_that_is_tried_once_is_named(examine, address, fragment):
    (finding,) = bad(examine(sandbox={"inbound_url": f"{address}/twilio/inbound{fragment}"}))
    assert (finding.mark, finding.about) == (Mark.WARNING, "Texts back")
    assert f"{address}/twilio/inbound#rc=5&rp=all" in finding.advice


def test_an_api_key_that_is_refused_is_told_apart_from_the_token(examine):
    change = {"TWILIO_API_KEY_SID": KEY, "TWILIO_API_KEY_SECRET": "an old one"}
    found = bad(examine(**change))
    assert {finding.about for finding in found} == {"Sender", "Verify"}
    assert all("TWILIO_API_KEY_SECRET" in finding.advice for finding in found)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("200 OK", "Something else than this app answers"),
        ("502 Bad Gateway", "the answer is 502"),
    ],
)
def test_an_address_where_something_else_or_an_error_answers_is_a_fault(examine, status, words):
    def other(environ, start_response):
        start_response(status, [("Content-Type", "text/html")])
        return [b"<h1>Welcome to nginx</h1>"]

    with serving(other) as address:
        (finding,) = bad(examine(PUBLIC_BASE_URL=address))
    assert words in finding.words


def test_a_public_address_without_tls_is_a_fault(examine):
    found = bad(examine(PUBLIC_BASE_URL="http://shop.invalid"))
    assert "is not https" in found[0].words
    assert found[0].mark is Mark.FAULT
    assert "its name cannot be resolved" in found[1].words


def test_a_silent_worker_is_a_fault(examine, write):
    write(lambda _: delete(Worker))
    (finding,) = bad(examine(EMBEDDED_WORKER="false"))
    assert (finding.mark, finding.about) == (Mark.FAULT, "Worker")
    assert "flask worker" in finding.advice
    (finding,) = bad(examine(EMBEDDED_WORKER="true"))
    assert "gunicorn" in finding.advice


def test_a_held_sender_is_a_fault(examine, shop, twilio):
    twilio.rejects(20003, 401)
    shop.ships()
    (finding,) = bad(examine())
    assert (finding.mark, finding.about) == (Mark.FAULT, "Worker")
    assert "sender is held" in finding.words


def test_an_old_outbox_is_a_warning(examine, shop, twilio, app):
    shop.ships(prefer="respond-async")
    change(app, Delivery, due_at=datetime(2026, 1, 1, tzinfo=UTC))
    (finding,) = bad(examine())
    assert (finding.mark, finding.about) == (Mark.WARNING, "Worker")


def test_no_key_that_may_send_is_a_warning(examine, app):
    change(app, ApiKey, scopes="read")
    (finding,) = bad(examine())
    assert (finding.mark, finding.about) == (Mark.WARNING, "API keys")
    assert "flask api-key create" in finding.advice


def test_another_versions_schema_is_a_fault(examine, app):
    with schema_of(app, "0001"):
        (finding,) = bad(examine())
    assert (finding.mark, finding.about) == (Mark.FAULT, "Migrations")
    assert "flask db upgrade" in finding.advice


@pytest.mark.parametrize(
    "url", ["postgresql://nobody:hunter2@127.0.0.1:9/smsapp", "sqlite:////nowhere/smsapp.sqlite3"]
)
def test_a_database_that_is_away_is_one_fault_and_the_rest_goes_on(url):
    app = make_app(DATABASE_URL=url)
    with app.app_context():
        findings = list(examination.examine())
        db.engine.dispose()
    faults = [finding.about for finding in findings if finding.mark is Mark.FAULT]
    assert faults == ["Database", "Public address", "Twilio"]
    assert "hunter2" not in str(findings)


def test_postgresql_that_may_forget_a_commit_is_a_fault(app, examine):
    if app.extensions["settings"].on_sqlite:
        pytest.skip("a setting of PostgreSQL's")
    try:
        with app.app_context(), db.engine.begin() as conn:
            name = conn.engine.url.database
            conn.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
        with app.app_context():
            db.engine.dispose()
        (finding,) = bad(examine())
    finally:
        with app.app_context(), db.engine.begin() as conn:
            conn.execute(text(f"ALTER DATABASE {name} RESET synchronous_commit"))
        with app.app_context():
            db.engine.dispose()
    assert (finding.mark, finding.about) == (Mark.FAULT, "Database")
    assert "synchronous_commit is off" in finding.words


def test_sqlite_without_wal_is_a_fault(app, monkeypatch):
    class Network:
        """A file where WAL does not work."""

        def execute(self, statement):
            self.said = {"SELECT sqlite_version()": "3.46", "PRAGMA journal_mode": "delete"}[
                str(statement)
            ]
            return self

        def scalar_one(self):
            return self.said

    (finding,) = data._sqlite(Network())
    assert (finding.mark, finding.about) == (Mark.FAULT, "Database")


@pytest.mark.parametrize(
    ("seconds", "mark"),
    [(0, Mark.OK), (4, Mark.OK), (-30, Mark.WARNING), (30, Mark.WARNING), (-61, Mark.FAULT)],
)
def test_a_clock_that_is_wrong_is_told_by_how_much(seconds, mark):
    finding = data.skew("the database's clock", timedelta(seconds=seconds))
    assert finding.mark is mark
    assert mark is Mark.OK or str(abs(seconds)) in finding.words


def test_a_clock_behind_twilios_is_found(examine, monkeypatch):
    now = clock.now

    class Behind:
        """This machine's clock, as far as Twilio's answers are compared with it."""

        @staticmethod
        def now():
            return now() - timedelta(minutes=5)

    monkeypatch.setattr("smsapp.providers.account.clock", Behind)
    (finding,) = bad(examine())
    assert (finding.mark, finding.about) == (Mark.FAULT, "Clock")
    assert "seconds behind Twilio's clock" in finding.words


@on_one_database
def test_a_database_that_can_be_read_and_not_written_is_a_fault(app):
    with app.app_context():
        assert list(data.check_writing()) == []
        with read_only(app):
            (finding,) = data.check_writing()
    assert (finding.mark, finding.about) == (Mark.FAULT, "Database")
    assert "read-only" in finding.words


def test_redis_that_keeps_its_keys_is_in_order(examine, redis_url):
    assert bad(examine(RATELIMIT_STORAGE_URI=redis_url)) == []


def test_redis_that_drops_keys_is_a_warning(examine, redis_url):
    with Redis.from_url(redis_url) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        try:
            (finding,) = bad(examine(RATELIMIT_STORAGE_URI=redis_url))
        finally:
            redis.config_set("maxmemory-policy", "noeviction")
    assert (finding.mark, finding.about) == (Mark.WARNING, "Redis")
    assert "allkeys-lru" in finding.words


def test_a_secret_that_others_can_read_is_a_fault():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        secret = Path(folder, ".env")
        secret.touch(0o644)
        secret.chmod(0o644)
        (finding,) = here._readable([secret, Path(folder, "absent")])
        assert (finding.mark, finding.advice) == (Mark.FAULT, f"chmod 600 {secret}")
        secret.chmod(0o640)
        assert [each.mark for each in here._readable([secret])] == [Mark.OK]
        secret.chmod(0o644)
        Path(folder).chmod(0o700)
        assert [each.mark for each in here._readable([secret])] == [Mark.OK]


def test_a_check_that_breaks_off_does_not_keep_the_others(examine, monkeypatch, caplog):
    def broken():
        raise RuntimeError(f"+12025550123 {TOKEN}")

    monkeypatch.setattr(data.health, "current", broken)
    (finding,) = bad(examine())
    assert (finding.mark, finding.about) == (Mark.FAULT, "Worker")
    assert "RuntimeError" in finding.words
    assert ALICE not in finding.words + finding.advice


def test_no_secret_and_no_whole_number_is_shown(examine):
    everything = "".join(
        f"{finding.words} {finding.advice}"
        for what in ("the credentials are refused", "the webhook points elsewhere", "Redis is away")
        for finding in examine(**BROKEN[what][0])
    )
    everything += str(examine(sandbox={"from_number": OTHER}))
    for secret in (TOKEN, SECRET, FROM, OTHER, "hunter2", "secret@", ENVIRONMENT["PHONE_KEY"]):
        assert secret not in everything
    assert "+*******0006" in everything


def test_the_command_says_each_thing_in_a_line_and_fails_for_faults(app, examine, run):
    with settings_of(app):
        said = run("doctor")
    assert said.exit_code == 1
    lines = said.output.splitlines()
    assert any(line.startswith("ok       Settings        complete") for line in lines)
    assert any(line.startswith("FAULT    Twilio          It cannot be reached") for line in lines)
    assert any("→ Check DNS" in line for line in lines)
    assert lines[-1].endswith(" wrong")
    assert "\x1b" not in said.output


def test_the_command_succeeds_where_there_are_only_warnings(app, monkeypatch, run):
    monkeypatch.setattr(examination, "ON_THE_NETWORK", ())
    monkeypatch.setattr(examination, "WITH_DATABASE", (data.check_keys,))
    monkeypatch.setattr(data, "check_database", lambda: [data.ok("Database", "answers")])
    said = run("doctor")
    assert "warning  API keys" in said.output
    assert said.exit_code == 0


@on_one_database
def test_what_verify_refuses_for_a_setting_of_ours_is_told(app):
    tally.note(f"{tally.VERIFY}60223")
    tally.note(f"{tally.VERIFY}60223")
    tally.note(f"{tally.VERIFY}401")
    with app.app_context():
        tally.flush()
        credentials, channel = data.check_verify()
    assert "once in a day" in credentials.words
    assert "did not accept our credentials" in credentials.words
    assert "2 times in a day" in channel.words
    assert "this channel switched off" in channel.words
    assert {credentials.mark, channel.mark} == {Mark.FAULT}


@on_one_database
def test_a_country_that_is_held_is_told(app, shop, twilio):
    twilio.rejects(21408)
    shop.ships(phone="+447700900123")
    with app.app_context():
        (held,) = [finding for finding in data.check_worker() if "GB" in finding.words]
    assert held.mark is Mark.FAULT
    assert "Geographic Permissions" in held.advice


@on_one_database
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", None),
        ("Ann's Shop", None),
        ("Crème & Döner", None),
        ("Ann’s Shop", "“’” (right single quotation mark)"),
        ("Çà ve là ç", "“ç” (latin small letter c with cedilla)"),
        ("Кафе ☕", "“☕” (hot beverage)"),
    ],
)
def test_a_shops_words_that_double_the_price_of_texts_are_told(app, name, told):
    with app.app_context(), settings_of(app, SHOP_NAME=name, SMART_ENCODING="false"):
        found = list(here.check_words())
    assert [finding.mark for finding in found] == ([Mark.WARNING] if told else [])
    assert told is None or told in found[0].words
    assert told is None or "SHOP_NAME" in found[0].words


@on_one_database
def test_what_is_sent_as_a_plain_character_doubles_nothing(app):
    with app.app_context(), settings_of(app, SHOP_NAME="Ann’s Shop"):
        assert list(here.check_words()) == []
