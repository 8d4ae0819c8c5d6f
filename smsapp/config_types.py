"""What a setting may be: types that read one variable, or say what is wrong with it."""

import re
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import limits
import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from smsapp import durations
from smsapp.durations import Duration
from smsapp.languages import NAMES
from smsapp.mail_address import Mailbox, parse_mailbox
from smsapp.phone import NOBODYS, parse_e164
from smsapp.quiet_hours import QuietHours

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
_HTTP = re.compile(r"https?://[!-~]+")


def _base_url(value: str) -> str:
    if "@" in value or "?" in value or "#" in value:
        raise ValueError("must hold no user name, query or fragment")
    if host(value) is None or not _HTTP.fullmatch(value):
        raise ValueError("must be an http or https URL, such as https://sms.example.com")
    return value.rstrip("/")


def _webhook_url(value: SecretStr) -> SecretStr:
    """Refuse what would carry our troubles in the clear; a path is often a secret, so is it all."""
    url = value.get_secret_value()
    scheme, name = url.partition("://")[0], host(url)
    if not _HTTP.fullmatch(url) or name is None or "@" in url or "#" in url:
        raise ValueError("must be a URL with no user name and no fragment")
    if scheme != "https" and name not in LOOPBACK:
        raise ValueError("must begin with https://, unless it is on this machine")
    return value


def _link(value: str) -> str:
    if not _HTTP.fullmatch(value) or host(value) is None or "@" in value:
        raise ValueError("must be an http or https URL, such as https://example.com/privacy")
    return value


@dataclass(frozen=True, slots=True)
class MailServer:
    """What mails are handed to.

    Attributes:
        tls: From the first byte on.
        starttls: From the command STARTTLS on.
        user: Whom to sign in as; None for nobody.
    """

    host: str
    port: int
    tls: bool
    starttls: bool
    user: str | None
    password: str = field(repr=False)


# Each with its usual port. Source: RFC 8314, section 7.3, and RFC 5321, section 4.5.4.2.
_MAIL_PORTS = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}


def mail_server(url: str) -> MailServer:
    """Read a URL such as smtps://user:password@smtp.example.com.

    Raises:
        ValueError: It is none, or would carry mails in the clear.
    """
    name = host(url)
    parts = urlsplit(url) if name else None
    if not (name and parts and parts.scheme in _MAIL_PORTS and re.fullmatch(r"[!-~]+", url)):
        raise ValueError("must be a URL such as smtps://user:password@smtp.example.com")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end with the host or its port; in a password write / as %2F")
    if parts.scheme == "smtp" and name not in LOOPBACK:
        raise ValueError(
            "must begin with smtps:// or smtp+starttls://, unless it is on this machine"
        )
    if bool(parts.username) != bool(parts.password):
        raise ValueError("must have both a user and a password, or neither")
    return MailServer(
        name,
        parts.port or _MAIL_PORTS[parts.scheme],
        parts.scheme == "smtps",
        parts.scheme == "smtp+starttls",
        unquote(parts.username) if parts.username else None,
        unquote(parts.password or ""),
    )


def _mail_url(value: SecretStr) -> SecretStr:
    mail_server(value.get_secret_value())
    return value


def _mailbox(value: object) -> object:
    return parse_mailbox(value) if isinstance(value, str) else value


def host(url: str) -> str | None:
    """Return the host of a URL in lower case; None where it has none or cannot be read."""
    try:
        parts = urlsplit(url)
        return parts.hostname if parts.port != 0 else None
    except ValueError:
        return None


def _address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError(
            "must be an address of this machine, such as 127.0.0.1, or 0.0.0.0"
        ) from None


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
    if scheme in {"redis", "rediss"} and host(value) is None:
        raise ValueError("must name a host, such as redis://localhost:6379")
    return value


def _rate(value: str) -> str:
    try:
        limits.parse_many(value)
    except ValueError:
        raise ValueError("must be a limit such as 3000/minute") from None
    return value


def _sender_number(value: str) -> str:
    parse_e164(value)
    return value


def _e164_set(value: object) -> object:
    """Split a comma-separated list; a frozenset, because settings are hashable."""
    if not isinstance(value, str):
        return value
    return frozenset(parse_e164(part.strip()) for part in value.split(",") if part.strip())


def _named_numbers(value: object) -> object:
    """Split "shop=+1…,orders=+1…"; a name that comes twice has several numbers."""
    if not isinstance(value, str):
        return value
    named: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, _, number = (word.strip() for word in part.partition("="))
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,29}", name):
            raise ValueError("must be names with numbers, such as shop=+12025550123")
        named[name] = (*named.get(name, ()), parse_e164(number))
    return named


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


ALL_COUNTRIES = "ALL"


def _countries(value: object) -> object:
    """Split a comma-separated list of ISO 3166 alpha-2 codes, or take the word "all"."""
    if not isinstance(value, str):
        return value
    named = frozenset(part.strip().upper() for part in value.split(",") if part.strip())
    if named != {ALL_COUNTRIES} and (not named or named - phonenumbers.SUPPORTED_REGIONS):
        raise ValueError("must be two-letter codes with commas between, such as US,CA; or: all")
    return named


def _hours(value: object) -> object:
    """Read "21:00-08:00"; "none" stands for no quiet hours."""
    if not isinstance(value, str) or value == "none":
        return None if value == "none" else value
    try:
        start, end = (datetime.strptime(part.strip(), "%H:%M").time() for part in value.split("-"))  # noqa: DTZ007  a clock on a wall
    except ValueError:
        raise ValueError("must be two times such as 21:00-08:00, or none") from None
    return QuietHours(start, end)


def _durations(value: object) -> object:
    """Split a comma-separated list of ISO 8601 durations; "none" stands for an empty one."""
    if not isinstance(value, str):
        return value
    return tuple(durations.parse(part.strip()) for part in value.split(",") if part != "none")


def _whatsapp_number(value: str) -> str:
    return _sender_number(value.removeprefix("whatsapp:"))


def _templates(path: object) -> object:
    """Read a TOML file: a table for each kind, with a Content SID for each language."""
    if not isinstance(path, str):
        return path
    try:
        found = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError:
        raise ValueError("there is no file that can be read") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"the file is not TOML: {error}") from None
    for kind, of_kind in found.items():
        sids = of_kind.items() if isinstance(of_kind, dict) else [("", None)]
        for language, sid in sids:
            if language not in NAMES or not re.fullmatch(r"HX[0-9a-f]{32}", str(sid)):
                raise ValueError(
                    f'[{kind}] must have lines such as en = "HX…", with one of {", ".join(NAMES)}'
                )
    return found


Address = Annotated[str, AfterValidator(_address)]
Key = Annotated[SecretStr, Field(min_length=32)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Link = Annotated[str, AfterValidator(_link)]
E164 = Annotated[
    str,
    Field(
        description="A phone number in E.164 form: +, country code, number.",
        examples=[NOBODYS],
        json_schema_extra={"pattern": r"^\+[1-9][0-9]{1,14}$"},
    ),
    AfterValidator(parse_e164),
]
# A number of ours, which stays as Twilio has it.
SenderNumber = Annotated[str, AfterValidator(_sender_number)]
WebhookUrl = Annotated[SecretStr, AfterValidator(_webhook_url)]
MailUrl = Annotated[SecretStr, AfterValidator(_mail_url)]
MailFrom = Annotated[Mailbox, BeforeValidator(_mailbox)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
StorageUri = Annotated[str, AfterValidator(_storage_uri)]
Rate = Annotated[str, AfterValidator(_rate)]
Numbers = Annotated[frozenset[str], BeforeValidator(_e164_set)]
# {name: numbers}, those of one name ring at once.
NamedNumbers = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_named_numbers)]
Countries = Annotated[frozenset[str], BeforeValidator(_countries)]
Throttle = Annotated[float | None, AfterValidator(_throttle)]
Minutes = Annotated[tuple[int, ...], BeforeValidator(_minutes)]
WhatsAppNumber = Annotated[str, AfterValidator(_whatsapp_number)]
# {kind: {language: Content SID}}
Templates = Annotated[dict[str, dict[str, str]], BeforeValidator(_templates)]
Durations = Annotated[tuple[Duration, ...], BeforeValidator(_durations)]
Hours = Annotated[QuietHours | None, BeforeValidator(_hours)]
# What stands in a text: one line.
Line = Annotated[str, StringConstraints(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")]
# A message of its own, at most two segments.
Words = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Days = Annotated[int, Field(ge=1, le=36_500)]
Percent = Annotated[int, Field(ge=0, le=100)]
Port = Annotated[int, Field(ge=1, le=65535)]
AtLeastOne = Annotated[int, Field(ge=1)]


def sid(prefix: str) -> StringConstraints:
    """Return what one of Twilio's identifiers looks like."""
    return StringConstraints(pattern=rf"^{prefix}[0-9a-fA-F]{{32}}$")
