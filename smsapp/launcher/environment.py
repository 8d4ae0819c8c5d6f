"""What a run on the sandbox is told: secrets made once, everything else anew at each start."""

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

SECRETS_FILE, RUN_FILE = "sandbox.env", "run.env"

# Twilio's test number that every message may come from.
# Source: https://www.twilio.com/docs/iam/test-credentials
TEST_SENDER = "+15005550006"
# The number that Twilio lends to whoever tries WhatsApp, and what is approved in the sandbox.
# Source: https://www.twilio.com/docs/whatsapp/sandbox
WHATSAPP_SENDER = "+14155238886"
WHATSAPP_TEMPLATES = Path(__file__).with_name("whatsapp.toml")
PHONE_MENU = Path(__file__).parents[1] / "phone_menu.toml"

# Settings that could lead out of the sandbox or break it. Empty, not absent: python-dotenv
# leaves a variable alone that exists, so what `.env` says of it does not come through.
EMPTY = (
    "ALLOWED_RECIPIENTS",
    "GUNICORN_CMD_ARGS",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_API_KEY_SID",
    "TWILIO_AUTH_TOKEN_SECONDARY",
    "TWILIO_EDGE",
    "TWILIO_MESSAGING_SERVICE_SID",
    "TWILIO_REGION",
)


def environment(given: Mapping[str, str], made: Mapping[str, str], port: int) -> dict[str, str]:
    """Return what both programs run with; it wins over the caller's variables and `.env`.

    Args:
        given: The caller's environment. Whatever it says of Twilio is dropped.
        made: What `made_once` returned.
        port: The app's; the sandbox has the next two.
    """
    ours = told(made, port)
    # A proxy would be asked for 127.0.0.1 and look on its own machine.
    for name in ("NO_PROXY", "no_proxy"):
        ours[name] = ",".join(filter(None, (given.get(name), "127.0.0.1")))
    twilio = [name for name in given if name.startswith("TWILIO_")]
    return {**given, **dict.fromkeys(twilio, ""), **ours}


def told(made: Mapping[str, str], port: int) -> dict[str, str]:
    """Return what makes a run what it is, whatever the caller's environment says."""
    return {
        **dict.fromkeys(EMPTY, ""),
        **made,
        "DATABASE_URL": "sqlite:///smsapp.sqlite3",  # in instance/
        "EMBEDDED_WORKER": "true",
        "FLASK_APP": "wsgi",
        "FLASK_DEBUG": "0",
        "MAIL_FROM": "shop@sandbox.example",
        "MAIL_URL": f"smtp://127.0.0.1:{port + 2}",
        "PORT": str(port),
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "PYTHONUNBUFFERED": "1",
        "RATELIMIT_STORAGE_URI": "memory://",
        "REQUIRE_TWILIO_SIGNATURE": "true",
        "TRUSTED_PROXIES": "0",
        "TWILIO_BASE_URL": f"http://127.0.0.1:{port + 1}",
        "TWILIO_FROM_NUMBER": TEST_SENDER,
        "TWILIO_VOICE_FROM": TEST_SENDER,
        "VOICE_MENU": str(PHONE_MENU),
        "VOICE_NUMBERS": "shop=+12025550100,orders=+12025550101",
        "VOICEMAIL_TO": "+12025550100",
        "TWILIO_WHATSAPP_FROM": WHATSAPP_SENDER,
        "WHATSAPP_TEMPLATES": str(WHATSAPP_TEMPLATES),
        # Nothing costs anything there, and all of it can be tried.
        "VERIFY_CALLS": "true",
        "VERIFY_WHATSAPP": "true",
        "VERIFY_COUNTRIES": "all",
        # A service that somebody writes at the same desk may hear what becomes of its events.
        "WEBHOOK_ALLOW_PRIVATE": "true",
        "WEB_CONCURRENCY": "1",
    }


def keep(instance: Path, made: Mapping[str, str], port: int) -> None:
    """Keep what a run is told, for commands that somebody types beside it (wsgi.py)."""
    lines = (f"{name}={value}\n" for name, value in told(made, port).items())
    write_private(instance / RUN_FILE, "".join(lines))


def made_once(instance: Path) -> dict[str, str]:
    """Return the secrets of this checkout; make those that are missing."""
    file = instance / SECRETS_FILE
    lines = file.read_text().splitlines() if file.exists() else []
    kept = dict(line.split("=", 1) for line in lines if "=" in line)
    made = {**_fresh(), **kept}
    if made != kept:
        write_private(file, "".join(f"{name}={value}\n" for name, value in made.items()))
    return made


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, all of it or nothing."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")  # mode 0600
    try:
        with os.fdopen(handle, "w") as draft:
            draft.write(text)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink()
        raise


def _fresh() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(32),
        "PHONE_KEY": secrets.token_urlsafe(32),
        "TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_VERIFY_SERVICE_SID": f"VA{secrets.token_hex(16)}",
    }
