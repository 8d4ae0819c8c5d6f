"""Fields of events: how each is read, and what is wrong with it in plain words."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    TypeAdapter,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from smsapp import clock, languages, mail_address
from smsapp.config import Settings
from smsapp.config_types import E164
from smsapp.languages import Language
from smsapp.models import Channel

# A caller's clock may be this much ahead of ours.
CLOCK_SKEW = timedelta(minutes=5)
# How far ahead a message may be planned.
SEND_AHEAD = timedelta(days=35)
# What a service may have kept with an event: the UTF-8 of all its names and values.
MAX_METADATA_BYTES = 1024
# What programs write for “never” lies before: the year 1, say.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

# So many days about a time are looked at for an hour that is not quiet.
_DAYS_AROUND = timedelta(days=7)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# For callers, in the words of JSON Schema: what no field of a line may hold.
ONE_LINE = {"pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"}
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_URL = TypeAdapter(HttpUrl)


def printable(value: str) -> str:
    """Return a line as it is.

    Raises:
        ValueError: It is blank, or holds what no line does.
    """
    if _CONTROL.search(value):
        raise ValueError("must not hold control characters")
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def _http_url(value: str) -> str:
    """Check a link and keep it as it was written: the customer gets what the shop sent."""
    try:
        _URL.validate_python(value)
    except ValidationError:
        raise ValueError("must be an http or https URL") from None
    if not _HTTP.match(value):  # browsers mend "https:example.com"; phones do not make it a link
        raise ValueError("must begin with http:// or https://")
    if re.search(r"\s", value) or _CONTROL.search(value):
        raise ValueError("must not hold spaces or control characters")
    return value


def _time_with_offset(value: object) -> datetime:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-06-02T09:00:00Z")
    try:
        at = datetime.fromisoformat(value.upper())
        # Near the end of the calendar it may be none elsewhere, or have no morning after it.
        at.astimezone(UTC) + _DAYS_AROUND
        return at
    except (ValueError, OverflowError):
        raise ValueError("there is no such time") from None


def _since_1970(value: datetime) -> datetime:
    if value < EARLIEST:
        raise ValueError("must be a time since 1970: this one looks like an empty value")
    return value


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _agreed(value: datetime) -> datetime:
    if value > clock.now() + CLOCK_SKEW:
        raise ValueError("must not be in the future: nobody can have agreed yet")
    return value


def _happened(value: datetime) -> datetime:
    if value > clock.now() + CLOCK_SKEW:
        raise ValueError("must not be in the future: it would count above all that happens")
    return value


def _soon(value: datetime) -> datetime:
    if value > clock.now() + SEND_AHEAD:
        raise ValueError(f"must be within the next {SEND_AHEAD.days} days")
    return value


def _iso_date(value: object) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date such as 2026-06-02")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day") from None


def _language_tag(value: str) -> str:
    if not languages.is_tag(value):
        raise ValueError("must be a language such as de or ko-KR (BCP 47)")
    return value


def _kept(value: object) -> object:
    """Check what a service wants kept with its event: names and values, all of them strings."""
    if not isinstance(value, dict):
        raise ValueError('must be an object of strings, such as {"cart": "77"}')  # noqa: TRY004
    words = [*value, *value.values()]
    if not all(isinstance(word, str) for word in words):
        raise ValueError('must hold strings alone, such as {"cart": "77"}')
    if any(_CONTROL.search(word) for word in words):
        raise ValueError("must not hold control characters")
    if sum(len(word.encode()) for word in words) > MAX_METADATA_BYTES:
        raise ValueError(f"must have at most {MAX_METADATA_BYTES} bytes, names and values together")
    return value


# What people search an order or a ticket by.
Reference = Annotated[
    str,
    Field(
        min_length=1,
        max_length=80,
        description="What people search by, on one line.",
        examples=["1001"],
        json_schema_extra=ONE_LINE,
    ),
    AfterValidator(printable),
]
TrackingUrl = Annotated[
    str,
    Field(
        max_length=500,
        description="An http or https URL, sent as it is written.",
        examples=["https://example.com/track/1001"],
        json_schema_extra={"pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"},
    ),
    AfterValidator(_http_url),
]
Place = Annotated[
    str,
    Field(
        min_length=1,
        max_length=80,
        description="Where, as the text says it, on one line.",
        examples=["Hill Street 1"],
        json_schema_extra=ONE_LINE,
    ),
    AfterValidator(printable),
]
Day = Annotated[
    date,
    Field(description="A day.", examples=["2030-06-03"]),
    BeforeValidator(_iso_date),
]
# With the offset it came with: by the clock of where it happens.
LocalTime = Annotated[
    datetime,
    Field(
        description="An RFC 3339 time with an offset.",
        examples=["2030-06-03T15:00:00+02:00"],
    ),
    BeforeValidator(_time_with_offset),
    AfterValidator(_since_1970),
]
ConsentAt = Annotated[
    LocalTime,
    Field(
        description="When the customer agreed to texts like this: an RFC 3339 time with an offset, "
        "not in the future.",
        examples=["2026-06-02T09:00:00Z"],
    ),
    AfterValidator(_in_utc),
    AfterValidator(_agreed),
]
HappenedAt = Annotated[
    LocalTime,
    Field(
        description="When it happened: of events that come in out of order the latest counts.",
        examples=["2026-06-02T09:00:00Z"],
    ),
    AfterValidator(_happened),
]
SendAt = Annotated[
    LocalTime,
    Field(
        description="When the text is to leave: an RFC 3339 time with an offset, "
        f"at most {SEND_AHEAD.days} days ahead.",
        examples=["2026-06-02T18:00:00+02:00"],
    ),
    AfterValidator(_in_utc),
    AfterValidator(_soon),
]
# One that is not ours is no fault: the text is in English then.
LanguageTag = Annotated[
    str,
    Field(
        max_length=100,
        description="The customer's language by BCP 47; of one that we have no words in, English.",
        examples=["de-AT"],
        json_schema_extra={"pattern": "^[A-Za-z]{1,3}(-[A-Za-z0-9]{1,8})*$"},
    ),
    AfterValidator(_language_tag),
]
Email = Annotated[
    str,
    Field(
        max_length=254,
        description="Where the customer is written to if no text reaches them.",
        examples=[mail_address.EXAMPLE],
        json_schema_extra={"format": "email"},
    ),
    AfterValidator(mail_address.parse),
]
Metadata = Annotated[
    dict[str, str],
    Field(
        description="Kept and told with the delivery; names and values have at most "
        f"{MAX_METADATA_BYTES} bytes in all.",
        examples=[{"cart": "77"}],
    ),
    BeforeValidator(_kept),
]


# What an event may ask for: a test key alone has the other.
_CHANNELS = [one.value for one in Channel if one is not Channel.TEST]


def _channels(value: object) -> tuple[Channel, ...]:
    if not isinstance(value, list) or not value or not set(map(str, value)) <= set(_CHANNELS):
        raise ValueError(f"must be a list of one or more of {', '.join(_CHANNELS)}")
    return tuple(dict.fromkeys(map(Channel, value)))


# In the order in which they are tried.
Channels = Annotated[
    tuple[Channel, ...],
    Field(
        description="How to reach the customer, in the order in which that is tried.",
        examples=[["sms"]],
        json_schema_extra={
            "minItems": 1,
            "items": {"enum": list(_CHANNELS), "type": "string"},
        },
    ),
    BeforeValidator(_channels),
]


EventId = Annotated[
    str,
    Field(
        min_length=6,
        max_length=120,
        description="Yours, of this event alone: the same again texts nobody twice.",
        examples=["event-1001"],
        json_schema_extra=ONE_LINE,
    ),
    AfterValidator(printable),
]


class Event(BaseModel):
    """What every event has; others than these and the kind's own fields are ignored.

    Kept as they came, for one that looks like one of ours is a mistake to be told.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        frozen=True,
        strict=True,
        extra="allow",
        hide_input_in_errors=True,
    )

    event_id: EventId
    phone: E164
    consent_at: ConsentAt | None = None
    send_at: SendAt | None = None
    locale: LanguageTag | None = None
    email: Email | None = None
    channels: Channels | None = None
    metadata: Metadata | None = None

    @property
    def language(self) -> Language:
        """Return the language of the text about it."""
        return languages.of(self.locale)


def how_to_stop(language: Language) -> str:
    """Return how the first text to a number ends, where its beginning says who writes."""
    _ = language.gettext
    return _("Reply STOP to stop.")


def opening(settings: Settings) -> str:
    """Return who writes, as a message begins."""
    return f"{settings.shop_name}: " if settings.shop_name else ""


def text(settings: Settings, *sentences: str) -> str:
    """Return a message of these sentences, those that are empty left out; who writes goes first."""
    return opening(settings) + " ".join(filter(None, sentences))


def same_time(at: datetime | None) -> str | None:
    """Return a time as content: however its offset is written, it is the same."""
    return at.astimezone(UTC).isoformat() if at else None


def order_max_age(settings: Settings) -> timedelta:
    """Return for how long what is said about an order matters."""
    return timedelta(hours=settings.order_shipped_max_age_hours)


def tracking(url: str | None, language: Language) -> str:
    """Return where to follow an order, as a message ends; nothing without a link."""
    _ = language.gettext
    return _("Tracking: %(url)s", url=url) if url else ""
