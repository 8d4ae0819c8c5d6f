"""Checks of this machine: settings, files, the public address, Redis."""

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError

from smsapp import segments, sqlite
from smsapp.config_types import LOOPBACK
from smsapp.doctor.findings import Finding, fault, ok, warning
from smsapp.extensions import ROOT, settings
from smsapp.providers.http_client import CurlClient
from smsapp.providers.outcomes import CallFailed, Refused, Unwritten

# Whatever is asked over the network has this long.
SECONDS = 5.0

OUT_OF_REACH = {
    "dns": "its name cannot be resolved",
    "connect": "nothing takes the connection",
    "tls": "its certificate is not one to trust",
    "timeout": f"it did not answer within {SECONDS:.0f} seconds",
    "reset": "it cut the connection",
    "bad_answer": "its answer cannot be read",
    "server_error": "it answers that it has trouble",
}


# What it works without, and yet should not be without: what is wrong then, and what to set.
_WANTED = {
    "SHOP_NAME": ("Texts and pages do not say whose they are.", "the name customers know"),
    "PRIVACY_URL": (
        "The pages link to no privacy policy, which carriers ask for.",
        "its address",
    ),
    "TERMS_URL": ("The pages link to no terms, which carriers ask for.", "their address"),
    "ALARM_WEBHOOK_URL": (
        "Alarms are only logged, so nobody is told.",
        "an address that wakes somebody, such as a Slack webhook",
    ),
    "METRICS_TOKEN": (
        "There is no /metrics for a Prometheus server to watch.",
        "16 characters or more, which it shows",
    ),
}


def check_settings() -> Iterator[Finding]:
    """The settings are whole, or nothing would have started; some are not for production."""
    config = settings()
    yield ok("Settings", "complete")
    if not config.require_twilio_signature:
        yield warning(
            "Settings",
            "Webhooks need no signature: anybody on this machine can forge one.",
            "Set REQUIRE_TWILIO_SIGNATURE=true.",
        )
    if config.twilio_base_url:
        yield warning(
            "Settings",
            f"Texts go to {urlsplit(config.twilio_base_url).hostname} and not to Twilio.",
            "That is right for a sandbox or a proxy; in production leave TWILIO_BASE_URL unset.",
        )
    if config.allowed_recipients:
        yield warning(
            "Settings",
            "Only the numbers in ALLOWED_RECIPIENTS are texted: "
            f"{len(config.allowed_recipients)} of them.",
            "That is right for staging; in production leave ALLOWED_RECIPIENTS unset.",
        )
    for name, (words, advice) in _WANTED.items():
        if not getattr(config, name.lower()):
            yield warning("Settings", words, f"Set {name}: {advice}.")


def check_words() -> Iterator[Finding]:
    """Whether the shop's own words make every text that has them dearer."""
    config = settings()
    # What stands in texts, by its setting.
    for name in ("SHOP_NAME", "SUPPORT_ANSWERS_WITHIN"):
        words = getattr(config, name.lower())
        if odd := segments.beyond_gsm(segments.smart(words) if config.smart_encoding else words):
            shown = ", ".join(f"“{c}” ({unicodedata.name(c, 'a sign').lower()})" for c in odd)
            yield warning(
                "Words",
                f"{name} has {shown}, so that every text is sent and billed in parts of 70"
                " characters rather than 160: an ordinary one as two.",
                "Write it with the characters of ordinary texts, such as a straight ' for ’.",
            )


def check_files() -> Iterator[Finding]:
    """Whether other users of this machine can read what holds secrets or numbers."""
    instance = ROOT / "instance"
    private = ("run.env", "sandbox.env", "sandbox-key", "sandbox-operator", "sandbox.sqlite3")
    paths = [ROOT / ".env", ROOT / "deploy" / ".env", *(instance / name for name in private)]
    config = settings()
    if config.on_sqlite:
        database = sqlite.file_of(config.database_url, instance)
        paths += [database, *(Path(f"{database}{end}") for end in sqlite.BESIDE)]
    yield from _readable(paths)


def _readable(paths: Iterable[Path]) -> Iterator[Finding]:
    # Not Path.exists: a folder that is closed to whoever looks is closed to other users.
    there = [path for path in paths if os.path.exists(path)]  # noqa: PTH110
    bad = [path for path in there if _others_can_read(path)]
    for path in bad:
        yield fault(
            "Files", f"Every user of this machine can read {path.name}.", f"chmod 600 {path}"
        )
    if not bad:
        names = ", ".join(path.name for path in there) or "none here"
        yield ok("Files", f"closed to other users: {names}")


def _others_can_read(path: Path) -> bool:
    reached = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.absolute().parents)
    return reached and bool(path.stat().st_mode & stat.S_IROTH)


def check_public_url() -> Iterator[Finding]:
    """Whether the world reaches this app where we say that it is."""
    url = settings().public_base_url
    about = "Public address"
    if not url.startswith("https://") and urlsplit(url).hostname not in LOOPBACK:
        yield fault(
            about,
            f"{url} is not https: numbers and codes cross the network in the clear.",
            "Put a proxy with a certificate before the app and set PUBLIC_BASE_URL to https://…",
        )
    try:
        answer = CurlClient(url, SECONDS).request("GET", "app:///healthz")
    except CallFailed as failed:
        yield fault(about, f"{url}/healthz: {_trouble(failed)}.", _ABOUT_ADDRESS)
        return
    if '"ok"' not in answer.text:
        yield fault(
            about, f"Something else than this app answers at {url}/healthz.", _ABOUT_ADDRESS
        )
        return
    yield ok(about, f"{url} reaches this app")


_ABOUT_ADDRESS = (
    "Twilio posts receipts and customers' texts there. Start the app (gunicorn), and check the "
    "proxy before it and PUBLIC_BASE_URL."
)


def _trouble(failed: CallFailed) -> str:
    outcome = failed.outcome
    if isinstance(outcome, Unwritten):
        return OUT_OF_REACH.get(outcome.reason, OUT_OF_REACH["connect"])
    if isinstance(outcome, Refused) or outcome.http_status:
        return f"the answer is {outcome.http_status}"
    return OUT_OF_REACH.get(outcome.reason, OUT_OF_REACH["reset"])


def check_redis() -> Iterator[Finding]:
    """Whether requests are counted where all processes see it, and not forgotten."""
    uri = settings().ratelimit_storage_uri
    about = "Redis"
    if uri.startswith("memory"):
        yield ok(about, "not used; requests are counted in the one web process")
        return
    uri = uri.replace("redis+unix:", "unix:", 1)
    try:
        with Redis.from_url(uri, socket_timeout=SECONDS, socket_connect_timeout=SECONDS) as redis:
            memory = redis.info("memory")
    except (RedisError, OSError) as error:
        yield fault(
            about,
            f"It does not answer ({type(error).__name__}): each process counts for itself.",
            "Start it, or mend RATELIMIT_STORAGE_URI: host, port, password.",
        )
        return
    policy = memory.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        yield warning(
            about,
            f"It may drop keys when its memory is full (maxmemory-policy {policy}): "
            "limits would be forgotten.",
            "Set maxmemory-policy to noeviction, or use a Redis of its own.",
        )
        return
    yield ok(about, "answers, and drops no keys")
