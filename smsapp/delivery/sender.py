"""The sender's state: what the circuit breaker, an operator, the throttle and a restore wrote."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from smsapp.extensions import insert_into
from smsapp.models import Channel, Sender
from smsapp.phone import country


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """What a channel's messages leave from: its name, and how many may leave in a second."""

    channel: Channel
    name: str
    per_second: float | None  # None: no limit


@dataclass(frozen=True, slots=True)
class CountryHold:
    """That Twilio takes no texts to a country: its code, since when, and when one may try again."""

    code: int
    since: datetime
    probe_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the sender's row."""
        times = {"since": self.since.isoformat(), "probe_at": self.probe_at.isoformat()}
        return {"code": self.code} | times


@dataclass(frozen=True, slots=True)
class SenderState:
    """What the database says about a sender; nothing, where it never had trouble."""

    held_at: datetime | None = None
    held_code: int | None = None
    probe_at: datetime | None = None
    next_slot_at: datetime | None = None
    slowed_at: datetime | None = None
    slowed_to: float | None = None
    paused_at: datetime | None = None
    pause_reason: str | None = None
    restored_at: datetime | None = None
    lost_since: datetime | None = None
    look_first_until: datetime | None = None
    country_holds: dict[str, Any] | None = None

    def hold_of(self, e164: str) -> CountryHold | None:
        """Return what holds a number's country; None for nothing."""
        return self.held_countries.get(country(e164)) if self.country_holds else None

    @property
    def held_countries(self) -> dict[str, CountryHold]:
        """Return what holds each country that is held."""
        return {
            country: CountryHold(
                hold["code"],
                datetime.fromisoformat(hold["since"]),
                datetime.fromisoformat(hold["probe_at"]),
            )
            for country, hold in (self.country_holds or {}).items()
        }

    @property
    def is_held(self) -> bool:
        """Whether Twilio refuses it."""
        return self.held_at is not None

    @property
    def is_paused(self) -> bool:
        """Whether an operator has paused it."""
        return self.paused_at is not None


_STATE = select(*(getattr(Sender, name) for name in SenderState.__dataclass_fields__)).where(
    Sender.name == bindparam("name")
)


def read_state(conn: Connection, name: str, *, lock: bool = False) -> SenderState:
    """Return how a sender stands; with `lock` its row exists and stays as it is.

    Whoever locks it takes nothing else after it that others hold while they wait for it.
    """
    query = _STATE.with_for_update() if lock else _STATE
    row = conn.execute(query, {"name": name}).one_or_none()
    if row is None and lock:
        write(conn, name, {})
        row = conn.execute(query, {"name": name}).one_or_none()
    return SenderState(*row) if row else SenderState()


def write(conn: Connection, name: str, columns: dict[str, Any]) -> None:
    """Set columns of a sender's row, which may not exist yet."""
    insert = insert_into(conn, Sender).values(name=name, **columns)
    conn.execute(
        insert.on_conflict_do_update(index_elements=["name"], set_=columns)
        if columns
        else insert.on_conflict_do_nothing()
    )
