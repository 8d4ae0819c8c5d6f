"""Settings: read once from the environment into a frozen, typed object.

Every variable is in .env.example with a line of comment; a test compares the two.
"""

import hmac
from collections.abc import Mapping
from datetime import time
from functools import cached_property
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
)

from smsapp import durations
from smsapp.config_types import (
    ALL_COUNTRIES,
    LOOPBACK,
    Address,
    AtLeastOne,
    BaseUrl,
    Countries,
    DatabaseUrl,
    Days,
    Durations,
    Hours,
    Key,
    Line,
    Link,
    MailFrom,
    MailServer,
    MailUrl,
    Minutes,
    NamedNumbers,
    Numbers,
    Percent,
    Port,
    Rate,
    SenderNumber,
    StorageUri,
    Templates,
    Throttle,
    WebhookUrl,
    WhatsAppNumber,
    Words,
    host,
    mail_server,
    sid,
)
from smsapp.escalation_policy import DEFAULT_FILE as DEFAULT_POLICY
from smsapp.escalation_policy import PolicyFile
from smsapp.phone import country
from smsapp.phone_menu import MenuFile
from smsapp.quiet_hours import QuietHours
from smsapp.shop_words import DEFAULT_FILE, WordsFile

Value = TypeVar("Value")


class ConfigError(Exception):
    """The environment cannot be run with; its text lists every fault and no value."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        lines = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(f"smsapp cannot start; the settings have these faults:{lines}")


class Settings(BaseModel):
    """What the app runs with. Secrets are SecretStr: they print as stars."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=str.upper, hide_input_in_errors=True
    )

    secret_key: Key
    phone_key: Key
    public_base_url: BaseUrl
    twilio_account_sid: Annotated[str, sid("AC")]
    twilio_auth_token: Annotated[SecretStr, Field(min_length=1)]
    twilio_auth_token_secondary: SecretStr | None = None
    twilio_api_key_sid: Annotated[str, sid("SK")] | None = None
    twilio_api_key_secret: SecretStr | None = None
    twilio_from_number: SenderNumber | None = None
    twilio_messaging_service_sid: Annotated[str, sid("MG")] | None = None
    twilio_verify_service_sid: Annotated[str, sid("VA")] | None = None
    twilio_whatsapp_from: WhatsAppNumber | None = None
    twilio_voice_from: SenderNumber | None = None
    voice_menu: MenuFile | None = None
    voice_numbers: NamedNumbers = Field(default_factory=dict)
    voicemail_to: Numbers = frozenset()
    whatsapp_templates: Templates = Field(default_factory=dict)
    twilio_base_url: BaseUrl | None = None
    require_twilio_signature: bool = True
    mail_url: MailUrl | None = None
    mail_from: MailFrom | None = None
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    database_url: DatabaseUrl = "sqlite:///smsapp.sqlite3"
    ratelimit_storage_uri: StorageUri = "memory://"
    api_rate_limit: Rate = "3000/minute"
    reconcile_grace_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    lease_seconds: Annotated[int, Field(ge=15, le=3600)] = 30
    confirm_sign_ups: bool = False
    shop_name: Line = ""
    words_file: WordsFile = Field(default=DEFAULT_FILE, validate_default=True)
    privacy_url: Link | None = None
    terms_url: Link | None = None
    messages_per_second: Throttle = None
    calls_per_second: Throttle = 1.0
    max_texts_per_number_per_day: AtLeastOne = 20
    allowed_recipients: Numbers = frozenset()
    undelivered_retry_minutes: Minutes = (5, 15, 45)
    order_shipped_max_age_hours: Annotated[int, Field(ge=1, le=24 * 365)] = 48
    smart_encoding: bool = True
    quiet_hours: Hours = QuietHours(time(21), time(8))
    reminders: Durations = (durations.parse("P1D"), durations.parse("PT2H"))
    confirm_appointments: bool = True
    support_answers_within: Line = ""
    auto_reply: Words = ""
    batch_four_eyes: Annotated[int, Field(ge=0)] = 1000
    body_retention_days: Days = 30
    blank_bodies_at_twilio: bool = False
    phone_retention_days: Days = 730
    verify_rate_limit: Rate = "20/hour"
    verify_budget_per_hour: AtLeastOne = 500
    verify_budget_per_day: AtLeastOne = 2500
    verify_countries: Countries | None = None
    verify_calls: bool = False
    verify_whatsapp: bool = False
    verify_email: bool = False
    pumping_window_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    pumping_min_starts: AtLeastOne = 20
    oncall_policy: PolicyFile = Field(default=DEFAULT_POLICY, validate_default=True)
    oncall_storm: AtLeastOne = 5
    alarms_open_incidents: bool = False
    alarm_delivery_rate: Percent = 95
    alarm_min_sample: AtLeastOne = 20
    alarm_window_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    alarm_outbox_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    alarm_webhook_url: WebhookUrl | None = None
    webhook_allow_private: bool = False
    webhook_retention_days: Days = 14
    metrics_token: Annotated[SecretStr, Field(min_length=16)] | None = None
    worker_metrics_port: Port | None = None
    embedded_worker: bool | None = None
    bind: Address = "127.0.0.1"
    port: Port = 8000
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
    def code_countries(self) -> frozenset[str] | None:
        """Return the countries that the pages send codes to, ISO 3166 alpha-2; None for all.

        Where nothing is said: the sender's own, as far as a number tells which that is.
        """
        if self.verify_countries:
            return None if ALL_COUNTRIES in self.verify_countries else self.verify_countries
        return frozenset({country(self.twilio_from_number)}) if self.twilio_from_number else None

    @cached_property
    def phone_key_bytes(self) -> bytes:
        """Return the key that phone keys are made with."""
        return self.phone_key.get_secret_value().encode()

    @cached_property
    def ledger_key(self) -> bytes:
        """Return the key that the consent ledger is chained with."""
        return hmac.digest(self.phone_key_bytes, b"consent ledger", "sha256")

    @cached_property
    def event_id_key(self) -> bytes:
        """Return the key that what stands for event ids in logs is made with."""
        return hmac.digest(self.phone_key_bytes, b"event ids in logs", "sha256")

    @cached_property
    def webhook_tokens(self) -> tuple[str, ...]:
        """Return the tokens a webhook may be signed with: two while one is being rotated."""
        tokens = (self.twilio_auth_token, self.twilio_auth_token_secondary)
        return tuple(token.get_secret_value() for token in tokens if token)

    @cached_property
    def mail_server(self) -> MailServer | None:
        """Return what mails are handed to; None where none are sent."""
        return mail_server(self.mail_url.get_secret_value()) if self.mail_url else None

    @property
    def confirms_mail_by_code(self) -> bool:
        """Return whether customers confirm an e-mail address by a code of Verify's, not a link."""
        return self.verify_email and self.twilio_verify_service_sid is not None

    @cached_property
    def mail_key(self) -> bytes:
        """Return the key that links in mails are signed with: those in old mails stay good."""
        return hmac.digest(self.phone_key_bytes, b"links in mails", "sha256")

    @cached_property
    def webhook_key(self) -> bytes:
        """Return the key that the secrets of webhook endpoints are derived from."""
        return hmac.digest(self.phone_key_bytes, b"webhook endpoints", "sha256")

    @cached_property
    def page_key(self) -> bytes:
        """Return the key that the links in pages are signed with."""
        return hmac.digest(self.phone_key_bytes, b"links in pages", "sha256")

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
    faults += [
        f"VOICE_MENU dials “{name}”, a name that VOICE_NUMBERS lacks"
        for name in sorted(settings.voice_menu.dials if settings.voice_menu else ())
        if name not in settings.voice_numbers
    ]
    if faults:
        raise ConfigError(faults)
    return settings


def _sentence(fault: Any) -> str:
    """Return one pydantic fault as a sentence that begins with the variable's name."""
    name, *inside = fault["loc"]
    if inside and name in {"WORDS_FILE", "ONCALL_POLICY"}:
        name = f"{name}: {'.'.join(map(str, inside))}"
    if fault["type"] == "missing":
        return f"{name} is not set"
    if fault["type"] == "extra_forbidden":
        return f"{name} is not a name that is known here"
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
    if ("MAIL_URL" in given) != ("MAIL_FROM" in given):
        faults.append("MAIL_URL and MAIL_FROM must be set together")
    signed = _parsed(bool, given.get("REQUIRE_TWILIO_SIGNATURE", "true"))
    if signed is False and host(given.get("PUBLIC_BASE_URL", "")) not in LOOPBACK:
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
