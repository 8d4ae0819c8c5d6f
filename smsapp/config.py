"""Settings: read once from the environment into a frozen, typed object.

Every variable is in .env.example with a line of comment; a test compares the two.
"""

import hmac
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import limits
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from smsapp.phone import parse_e164

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
_HTTP = re.compile(r"https?://[!-~]+")


Value = TypeVar("Value")


class ConfigError(Exception):
    """The environment cannot be run with; its text lists every fault and no value."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        lines = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(f"smsapp cannot start; the settings have these faults:{lines}")


def _base_url(value: str) -> str:
    if "@" in value or "?" in value or "#" in value:
        raise ValueError("must hold no user name, query or fragment")
    if _host(value) is None or not _HTTP.fullmatch(value):
        raise ValueError("must be an http or https URL, such as https://sms.example.com")
    return value.rstrip("/")


def _webhook_url(value: SecretStr) -> SecretStr:
    """Refuse what would carry our troubles in the clear; a path is often a secret, so is it all."""
    url = value.get_secret_value()
    scheme, host = url.partition("://")[0], _host(url)
    if not _HTTP.fullmatch(url) or host is None or "@" in url or "#" in url:
        raise ValueError("must be a URL with no user name and no fragment")
    if scheme != "https" and host not in LOOPBACK:
        raise ValueError("must begin with https://, unless it is on this machine")
    return value


def _host(url: str) -> str | None:
    """Return the host of a URL in lower case; None where it has none or cannot be read."""
    try:
        parts = urlsplit(url)
        return parts.hostname if parts.port != 0 else None
    except ValueError:
        return None


def _database_url(value: str) -> str:
    try:
        url = make_url(value)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise ValueError("must be a SQLAlchemy URL") from None
    if backend not in _DRIVERS:
        raise ValueError("must be a sqlite:/// or postgresql:// URL")
    if backend == "sqlite" and url.database in {None, "", ":memory:"}:
        raise ValueError("must name a file: what is in memory is lost when the process ends")
    return url.set(drivername=_DRIVERS[backend]).render_as_string(hide_password=False)


def _storage_uri(value: str) -> str:
    scheme = value.partition(":")[0]
    if scheme not in {"memory", "redis", "rediss", "redis+unix"}:
        raise ValueError("must be memory:// or a redis:// URL")
    if scheme in {"redis", "rediss"} and _host(value) is None:
        raise ValueError("must name a host, such as redis://localhost:6379")
    return value


def _rate(value: str) -> str:
    try:
        limits.parse_many(value)
    except ValueError:
        raise ValueError("must be a limit such as 3000/minute") from None
    return value


def _e164_set(value: object) -> object:
    """Split a comma-separated list; a frozenset, because settings are hashable."""
    if not isinstance(value, str):
        return value
    return frozenset(parse_e164(part.strip()) for part in value.split(",") if part.strip())


# More than all processes of one database could send, so that a throttle would only cost time.
NO_THROTTLE_FROM = 10_000


def _throttle(value: float | None) -> float | None:
    if value is None or value >= NO_THROTTLE_FROM:
        return None
    if not value >= 0.01:  # "nan" is neither
        raise ValueError("must be a number from 0.01 on")
    return value


def _minutes(value: object) -> object:
    """Split a comma-separated list of whole minutes."""
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and 0 < int(part) <= 10_080 for part in parts):
        raise ValueError("must be whole minutes with commas between, such as 5,15,45")
    return tuple(int(part) for part in parts)


Key = Annotated[SecretStr, Field(min_length=32)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
E164 = Annotated[str, AfterValidator(parse_e164)]


def _sid(prefix: str) -> StringConstraints:
    return StringConstraints(pattern=rf"^{prefix}[0-9a-fA-F]{{32}}$")


class Settings(BaseModel):
    """What the app runs with. Secrets are SecretStr: they print as stars."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=str.upper, hide_input_in_errors=True
    )

    secret_key: Key
    phone_key: Key
    public_base_url: BaseUrl
    twilio_account_sid: Annotated[str, _sid("AC")]
    twilio_auth_token: Annotated[SecretStr, Field(min_length=1)]
    twilio_auth_token_secondary: SecretStr | None = None
    twilio_api_key_sid: Annotated[str, _sid("SK")] | None = None
    twilio_api_key_secret: SecretStr | None = None
    twilio_from_number: E164 | None = None
    twilio_messaging_service_sid: Annotated[str, _sid("MG")] | None = None
    twilio_verify_service_sid: Annotated[str, _sid("VA")] | None = None
    twilio_base_url: BaseUrl | None = None
    require_twilio_signature: bool = True
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    database_url: Annotated[str, AfterValidator(_database_url)] = "sqlite:///smsapp.sqlite3"
    ratelimit_storage_uri: Annotated[str, AfterValidator(_storage_uri)] = "memory://"
    api_rate_limit: Annotated[str, AfterValidator(_rate)] = "3000/minute"
    reconcile_grace_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    lease_seconds: Annotated[int, Field(ge=15, le=3600)] = 30
    shop_name: Annotated[str, StringConstraints(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    messages_per_second: Annotated[float | None, AfterValidator(_throttle)] = None
    max_texts_per_number_per_day: Annotated[int, Field(ge=1)] = 20
    allowed_recipients: Annotated[frozenset[str], BeforeValidator(_e164_set)] = frozenset()
    undelivered_retry_minutes: Annotated[tuple[int, ...], BeforeValidator(_minutes)] = (5, 15, 45)
    order_shipped_max_age_hours: Annotated[int, Field(ge=1, le=24 * 365)] = 48
    body_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 30
    blank_bodies_at_twilio: bool = False
    phone_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 730
    verify_rate_limit: Annotated[str, AfterValidator(_rate)] = "20/hour"
    pumping_window_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    pumping_min_starts: Annotated[int, Field(ge=1)] = 20
    pumping_min_approval_percent: Annotated[int, Field(ge=0, le=100)] = 10
    alarm_delivery_rate: Annotated[int, Field(ge=0, le=100)] = 95
    alarm_min_sample: Annotated[int, Field(ge=1)] = 20
    alarm_window_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    alarm_outbox_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    alarm_webhook_url: Annotated[SecretStr, AfterValidator(_webhook_url)] | None = None
    metrics_token: Annotated[SecretStr, Field(min_length=16)] | None = None
    worker_metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    embedded_worker: bool | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    web_concurrency: Annotated[int, Field(ge=1, le=256)] = 1
    web_threads: Annotated[int, Field(ge=1, le=10_000)] = 1000
    worker_threads: Annotated[int, Field(ge=1, le=1024)] = 100

    @property
    def on_sqlite(self) -> bool:
        """Whether the database is SQLite: one machine, one writer at a time."""
        return self.database_url.startswith("sqlite")

    @property
    def runs_embedded_worker(self) -> bool:
        """Whether the web process also runs the worker."""
        return self.on_sqlite if self.embedded_worker is None else self.embedded_worker

    @property
    def sms_sender(self) -> str:
        """Return the name of what texts leave from: a Messaging Service, else a number."""
        return self.twilio_messaging_service_sid or self.twilio_from_number or ""

    @cached_property
    def phone_key_bytes(self) -> bytes:
        """Return the key that phone keys are made with."""
        return self.phone_key.get_secret_value().encode()

    @cached_property
    def ledger_key(self) -> bytes:
        """Return the key that the consent ledger is chained with."""
        return hmac.digest(self.phone_key_bytes, b"consent ledger", "sha256")

    @cached_property
    def webhook_tokens(self) -> tuple[str, ...]:
        """Return the tokens a webhook may be signed with: two while one is being rotated."""
        tokens = (self.twilio_auth_token, self.twilio_auth_token_secondary)
        return tuple(token.get_secret_value() for token in tokens if token)

    @property
    def rest_credentials(self) -> tuple[str, str]:
        """Return user name and password for Twilio's REST API; an API key is preferred."""
        if self.twilio_api_key_sid and self.twilio_api_key_secret:
            return self.twilio_api_key_sid, self.twilio_api_key_secret.get_secret_value()
        return self.twilio_account_sid, self.twilio_auth_token.get_secret_value()


def load(environ: Mapping[str, str]) -> Settings:
    """Return the settings; an empty variable counts as one that is not set.

    Raises:
        ConfigError: Anything is missing or wrong; it lists all faults, never a value.
    """
    given = {
        name.upper(): environ[name.upper()].strip()
        for name in Settings.model_fields
        if environ.get(name.upper(), "").strip()
    }
    faults = _together(given)
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        raise ConfigError([_sentence(fault) for fault in wrong] + faults) from None
    if faults:
        raise ConfigError(faults)
    return settings


def _sentence(fault: Any) -> str:
    """Return one pydantic fault as a sentence that begins with the variable's name."""
    name = fault["loc"][0]
    if fault["type"] == "missing":
        return f"{name} is not set"
    if fault["type"] == "string_pattern_mismatch":
        return f"{name} does not have the form that .env.example shows"
    if fault["type"] == "too_short":  # pydantic counts the characters of a secret as items
        return f"{name} must have at least {fault['ctx']['min_length']} characters"
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}"


def _together(given: Mapping[str, str]) -> list[str]:
    """Return the faults that concern more than one variable."""
    faults = []
    senders = [n for n in ("TWILIO_FROM_NUMBER", "TWILIO_MESSAGING_SERVICE_SID") if n in given]
    if not senders:
        faults.append("TWILIO_FROM_NUMBER or TWILIO_MESSAGING_SERVICE_SID must be set")
    if ("TWILIO_API_KEY_SID" in given) != ("TWILIO_API_KEY_SECRET" in given):
        faults.append("TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET must be set together")
    signed = _parsed(bool, given.get("REQUIRE_TWILIO_SIGNATURE", "true"))
    if signed is False and _host(given.get("PUBLIC_BASE_URL", "")) not in LOOPBACK:
        faults.append(
            "REQUIRE_TWILIO_SIGNATURE may be false only where PUBLIC_BASE_URL is this machine"
        )
    if "WORKER_METRICS_PORT" in given and "METRICS_TOKEN" not in given:
        faults.append("METRICS_TOKEN must be set where WORKER_METRICS_PORT is")
    processes = _parsed(int, given.get("WEB_CONCURRENCY", "1")) or 1
    in_memory = given.get("RATELIMIT_STORAGE_URI", "memory://").startswith("memory")
    if processes > 1 and in_memory:
        faults.append(
            "RATELIMIT_STORAGE_URI must be shared (redis://…) when WEB_CONCURRENCY is above 1: "
            "limits kept in memory count for one process only"
        )
    return faults


def _parsed(kind: type[Value], text: str) -> Value | None:
    """Return a value as the settings read it; None where they cannot, which is said elsewhere."""
    try:
        return TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return None
