"""What `make run` tells both programs: its own secrets, and nothing of a real account."""

import re
import stat
import tomllib

from smsapp.launcher.environment import (
    WHATSAPP_SENDER,
    WHATSAPP_TEMPLATES,
    environment,
    made_once,
    write_private,
)
from smsapp.sandbox.config import WHATSAPP_NUMBER
from smsapp.sandbox.whatsapp.templates import ready_sid


def test_secrets_are_made_once_and_stay_the_same(tmp_path):
    first = made_once(tmp_path)
    assert made_once(tmp_path) == first
    assert re.fullmatch(r"AC[0-9a-f]{32}", first["TWILIO_ACCOUNT_SID"])
    assert re.fullmatch(r"VA[0-9a-f]{32}", first["TWILIO_VERIFY_SERVICE_SID"])
    assert re.fullmatch(r"[0-9a-f]{32}", first["TWILIO_AUTH_TOKEN"])
    assert first["SECRET_KEY"] != first["PHONE_KEY"]


def test_two_checkouts_have_no_secret_in_common(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = made_once(tmp_path / "one"), made_once(tmp_path / "two")
    assert set(one.values()) & set(two.values()) == set()


def test_a_secret_that_a_newer_version_needs_joins_the_others(tmp_path):
    (tmp_path / "sandbox.env").write_text("PHONE_KEY=kept-from-an-older-version=\n")
    made = made_once(tmp_path)
    assert made["PHONE_KEY"] == "kept-from-an-older-version="
    assert made["SECRET_KEY"]
    assert made_once(tmp_path) == made


def test_only_the_owner_can_read_the_secrets_and_no_draft_is_left(tmp_path):
    made_once(tmp_path)
    write_private(tmp_path / "sandbox-key", "key\n")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {"sandbox.env": 0o600, "sandbox-key": 0o600}


def test_nothing_of_a_real_account_reaches_the_sandbox(tmp_path):
    real = {
        "TWILIO_ACCOUNT_SID": "AC" + "f" * 32,
        "TWILIO_AUTH_TOKEN": "real",
        "TWILIO_API_KEY_SID": "SK" + "f" * 32,
        "TWILIO_API_KEY_SECRET": "real",
        "TWILIO_FROM_NUMBER": "+12025550123",
        "TWILIO_BASE_URL": "https://api.twilio.com",
        "TWILIO_SOMETHING_NEW": "real",
        "MAIL_URL": "smtps://shop:real@smtp.example.com",
        "MAIL_FROM": "orders@example.com",
    }
    env = environment(real, made_once(tmp_path), 8000)
    kept = {name for name, value in real.items() if env[name] == value}
    assert kept == set()
    assert env["TWILIO_BASE_URL"] == "http://127.0.0.1:8001"
    assert env["TWILIO_FROM_NUMBER"] == "+15005550006"


def test_variables_that_dotenv_could_fill_in_exist_and_are_empty(tmp_path):
    env = environment({}, made_once(tmp_path), 8000)
    names = ["API_KEY_SID", "API_KEY_SECRET", "AUTH_TOKEN_SECONDARY", "MESSAGING_SERVICE_SID"]
    assert [env[f"TWILIO_{name}"] for name in [*names, "REGION", "EDGE"]] == [""] * 6


def test_a_production_database_in_the_environment_is_left_alone(tmp_path):
    given = {"DATABASE_URL": "postgresql://db.example/shop", "WEB_CONCURRENCY": "4"}
    env = environment(given, made_once(tmp_path), 8000)
    assert env["DATABASE_URL"] == "sqlite:///smsapp.sqlite3"
    assert env["WEB_CONCURRENCY"] == "1"


def test_the_port_moves_every_address(tmp_path):
    env = environment({"PORT": "1"}, made_once(tmp_path), 9000)
    names = ("PORT", "PUBLIC_BASE_URL", "TWILIO_BASE_URL", "MAIL_URL")
    http = "http://127.0.0.1"
    assert [env[name] for name in names] == [
        "9000",
        f"{http}:9000",
        f"{http}:9001",
        "smtp://127.0.0.1:9002",
    ]


def test_a_proxy_is_not_asked_for_this_machine(tmp_path):
    env = environment({"no_proxy": "intranet.example"}, made_once(tmp_path), 8000)
    assert env["no_proxy"] == "intranet.example,127.0.0.1"
    assert env["NO_PROXY"] == "127.0.0.1"


def test_what_else_the_caller_sets_comes_through(tmp_path):
    env = environment({"SHOP_NAME": "Rosa", "PATH": "/bin"}, made_once(tmp_path), 8000)
    assert (env["SHOP_NAME"], env["PATH"]) == ("Rosa", "/bin")


def test_the_templates_are_those_that_are_ready_in_the_sandbox():
    found = tomllib.loads(WHATSAPP_TEMPLATES.read_text("utf-8"))
    assert found == {
        kind: {language: ready_sid(kind, language) for language in ("en", "de")}
        for kind in ("order_shipped", "order_delivered", "appointment_reminder")
    }
    assert WHATSAPP_SENDER == WHATSAPP_NUMBER
