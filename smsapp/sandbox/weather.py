"""How well the carrier works today: what the panel sets, and the dice."""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.sandbox.database import Base, Database
from smsapp.sandbox.errors import CARRIER_ERRORS, ERRORS_BY_CODE, WHATSAPP_ERRORS, CarrierError

Kind = Literal["milliseconds", "percent", "switch", "code"]


class BadWeather(ValueError):
    """A setting that makes no sense; its text says which and why."""


class Setting(Base):
    """One field of the weather that was set."""

    __tablename__ = "weather"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can go wrong."""

    name: str
    kind: Kind
    group: Literal[
        "Sending",
        "Carrier",
        "WhatsApp",
        "Receipts",
        "Texts back",
        "Calls",
        "Verify",
        "Mail",
        "Account",
    ]
    label: str
    note: str = ""
    default: int = 0

    @property
    def codes(self) -> Mapping[int, CarrierError]:
        """Return the codes that it may be, of a "code"."""
        return WHATSAPP_ERRORS if self.group == "WhatsApp" else CARRIER_ERRORS


# The order of the "percent" fields under "Sending" is the order in which one roll meets them.
FIELDS = (
    Field("latency_ms", "milliseconds", "Sending", "Every answer waits"),
    Field("too_many_requests", "percent", "Sending", "Too many requests", "429, not accepted"),
    Field("error_before", "percent", "Sending", "Unavailable", "503, not accepted"),
    Field("error_after", "percent", "Sending", "Error, yet accepted", "500, the text goes out"),
    Field("timeout_after", "percent", "Sending", "No answer", "accepted, then silence"),
    Field("reset_after", "percent", "Sending", "Connection reset", "accepted, then cut"),
    Field("carrier_error", "code", "Carrier", "Carrier error"),
    Field("carrier_error_share", "percent", "Carrier", "Texts it hits", default=100),
    Field("whatsapp_error", "code", "WhatsApp", "WhatsApp error"),
    Field("whatsapp_error_share", "percent", "WhatsApp", "Messages it hits", default=100),
    Field("read_receipts_off", "switch", "WhatsApp", "Read receipts off", "nothing is ever “read”"),
    Field("lost_receipts", "percent", "Receipts", "Lost"),
    Field("repeated_receipts", "percent", "Receipts", "Repeated", "posted twice"),
    Field("reordered_receipts", "percent", "Receipts", "Reordered", "“sent” after “delivered”"),
    Field("lost_inbound", "percent", "Texts back", "Never posted", "the app hears nothing"),
    Field("repeated_inbound", "percent", "Texts back", "Posted twice"),
    Field("advanced_opt_out", "switch", "Texts back", "Advanced Opt-Out", "posts OptOutType"),
    Field("calls_busy", "percent", "Calls", "Busy"),
    Field("calls_unanswered", "percent", "Calls", "Not answered"),
    Field("calls_failed", "percent", "Calls", "Failed", "no such number"),
    Field("verify_unavailable", "percent", "Verify", "Verify unavailable", "503"),
    Field("verify_landline", "switch", "Verify", "Every number a landline", "60205 for texts"),
    Field("verify_blocked", "switch", "Verify", "Destination blocked", "60410, Fraud Guard"),
    Field("verify_geo_blocked", "switch", "Verify", "Country not enabled", "60605"),
    Field("verify_whatsapp_off", "switch", "Verify", "No codes on WhatsApp", "60223"),
    Field("verify_no_mailer", "switch", "Verify", "No codes by e-mail", "60217"),
    Field("mail_refused", "percent", "Mail", "No such mailbox", "550, not accepted"),
    Field("mail_busy", "percent", "Mail", "Greylisted", "450, not accepted"),
    Field("mail_silence", "percent", "Mail", "No reply", "the mail arrives, then silence"),
    Field("credentials_refused", "switch", "Account", "Credentials refused", "401 for everything"),
    Field("queue_full", "switch", "Account", "Queue full", "21611 for every text"),
)
_BY_NAME = {field.name: field for field in FIELDS}
_TROUBLES = [f.name for f in FIELDS if f.group == "Sending" and f.kind == "percent"]
CALM = {field.name: field.default for field in FIELDS}

# Days that are worth trying, by what the page calls them; all else is calm.
PRESETS: dict[str, dict[str, int]] = {
    "One in twenty refused": {"too_many_requests": 5},
    "A slow day": {"latency_ms": 1500},
    "A bit of everything": {
        "latency_ms": 200,
        "too_many_requests": 3,
        "error_before": 3,
        "error_after": 2,
        "timeout_after": 1,
        "reset_after": 2,
        "lost_receipts": 5,
        "repeated_receipts": 5,
        "reordered_receipts": 5,
        "repeated_inbound": 5,
    },
    "Twilio is away": {"error_before": 100, "verify_unavailable": 100},
    "Phones are off": {"carrier_error": 30003},
    "Nobody is on WhatsApp": {"whatsapp_error": 63003},
    "Nothing comes back": {"lost_receipts": 100, "lost_inbound": 100},
    "Locked out": {"credentials_refused": 1},
}


class Weather:
    """The weather that holds now; it outlives a restart."""

    def __init__(
        self,
        database: Database,
        seed: int | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._database, self._changed = database, changed
        self._dice = random.Random(seed)  # noqa: S311 - dice for a fake, not for secrets
        # Two, for who rolls the dice may be writing, and who changes the weather is about to.
        self._changing, self._rolling = threading.Lock(), threading.Lock()
        with database.read() as db:
            saved = {each.name: each.value for each in db.scalars(select(Setting))}
        self._now: dict[str, int] = CALM | {
            name: saved[name] for name in saved.keys() & CALM.keys()
        }

    def __getitem__(self, name: str) -> int:
        return self._now[name]

    def as_json(self) -> dict[str, int | bool]:
        """Return every field by name; switches as true or false."""
        now = self._now
        return {f.name: bool(now[f.name]) if f.kind == "switch" else now[f.name] for f in FIELDS}

    def in_words(self) -> list[str]:
        """Return what goes wrong now, such as "Receipts: Lost, 10 %"; nothing on a calm day."""
        now = self._now
        return [_in_words(f, now) for f in FIELDS if now[f.name] and f.name not in _BESIDE]

    def change(self, settings: Mapping[str, object]) -> None:
        """Set the named fields and leave the others.

        Raises:
            BadWeather: An unknown name, a value out of range, or shares above 100 % together.
        """
        with self._changing:
            now = self._now | {name: _read(name, value) for name, value in settings.items()}
            total = sum(now[name] for name in _TROUBLES)
            if total > 100:
                raise BadWeather(f"The troubles of sending add up to {total} %; 100 % is the most.")
            with self._database.write() as db:
                db.execute(delete(Setting))
                db.add_all(Setting(name=name, value=value) for name, value in now.items())
            self._now = now
        self._changed()

    def set_to(self, preset: str) -> None:
        """Make it one of PRESETS.

        Raises:
            BadWeather: There is no such day.
        """
        if preset not in PRESETS:
            raise BadWeather(f"There is no day called {preset!r}.")
        self.change(CALM | PRESETS[preset])

    def clear(self) -> None:
        """Make it a calm day again."""
        self.change(CALM)

    def between(self, low: float, high: float) -> float:
        """Return a number from `low` to `high`, from the same dice."""
        with self._rolling:
            return self._dice.uniform(low, high)

    def strikes(self, name: str) -> bool:
        """Roll for one share."""
        share = self._now[name]
        return share > 0 and self.between(0, 100) < share

    def trouble(self) -> str | None:
        """Roll once for a send: at most one of the troubles hits it."""
        now = self._now
        roll = self.between(0, 100)
        for name in _TROUBLES:
            if roll < now[name]:
                return name
            roll -= now[name]
        return None


# Said together with what it is about: how many texts a carrier error hits.
_BESIDE = {"carrier_error_share", "whatsapp_error_share"}


def _in_words(field: Field, now: Mapping[str, int]) -> str:
    value = now[field.name]
    if field.kind == "code":
        share = _BY_NAME[f"{field.name}_share"]
        hit = f"{now[share.name]} % of {share.label.split()[0].lower()}"
        return f"{field.group}: {value} {ERRORS_BY_CODE[value].words}, {hit}"
    unit = {"percent": " %", "milliseconds": " ms"}.get(field.kind)
    words = f"{field.group}: {field.label}{f', {value}{unit}' if unit else ''}"
    return f"{words} ({field.note})" if field.note else words


def _read(name: str, value: object) -> int:
    if name not in _BY_NAME:
        raise BadWeather(f"There is no weather called {name!r}.")
    field = _BY_NAME[name]
    if not isinstance(value, int | str):
        raise BadWeather(f"{field.label}: {value!r} is not a whole number.")
    try:
        number = int(value)
    except ValueError:
        raise BadWeather(f"{field.label}: {value!r} is not a whole number.") from None
    if not _allowed(field, number):
        raise BadWeather(f"{field.label}: {number} is not possible here.")
    return number


def _allowed(field: Field, number: int) -> bool:
    if field.kind == "code":
        return number == 0 or number in field.codes
    return 0 <= number <= {"milliseconds": 60_000, "percent": 100, "switch": 1}[field.kind]
