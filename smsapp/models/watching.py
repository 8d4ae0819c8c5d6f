"""The tables for watching over the texts: alarms, and counts that are quick to read.

They hold no phone and no phone key, and nothing of the rest refers to them.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, partial_index


class Worker(Base):
    """When each worker was last heard of."""

    __tablename__ = "worker"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    seen_at: Mapped[datetime]


class AlarmKind(StrEnum):
    """What may be wrong; watch/rules.py says when it is."""

    COUNTRY_RATE = "country_rate"
    SENDER_RATE = "sender_rate"
    OUTBOX_OLD = "outbox_old"
    UNKNOWN_OLD = "unknown_old"
    SENDER_HELD = "sender_held"
    RECEIPTS_SILENT = "receipts_silent"
    SIGNATURES_REFUSED = "signatures_refused"
    LOOK_UPS_DOUBTFUL = "look_ups_doubtful"
    NO_WORKER = "no_worker"
    CODES_HALF_SPENT = "codes_half_spent"
    CODES_SPENT = "codes_spent"
    ENDPOINT_DISABLED = "endpoint_disabled"
    NOBODY_ON_CALL = "nobody_on_call"
    ON_CALL_SILENCED = "on_call_silenced"
    INCIDENT_UNANSWERED = "incident_unanswered"


class Alarm(Base):
    """Something that is wrong, or was. Only one of a kind and subject can be open at a time."""

    __tablename__ = "alarm"
    __table_args__ = (
        partial_index("alarm_open", "kind", "subject", where="cleared_at IS NULL", unique=True),
        # What is due to be posted to ALARM_WEBHOOK_URL.
        partial_index("alarm_to_tell", "tell_at", where="tell_at IS NOT NULL"),
        CheckConstraint("cleared_at IS NULL OR cleared_at >= raised_at", name="clears_later"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[AlarmKind]
    subject: Mapped[str] = mapped_column(
        String(60)
    )  # a country, a masked sender, a budget; "": all
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)  # figures for watch/alarm_text.py
    raised_at: Mapped[datetime]
    seen_at: Mapped[datetime]  # when it was last found
    cleared_at: Mapped[datetime | None]
    tell_at: Mapped[datetime | None]
    tell_tries: Mapped[int]
    raise_told_at: Mapped[datetime | None]
    clear_told_at: Mapped[datetime | None]


class Tally(Base):
    """How often something that leaves no row of its own happened in a minute."""

    __tablename__ = "tally"

    minute: Mapped[datetime] = mapped_column(primary_key=True)
    what: Mapped[str] = mapped_column(String(30), primary_key=True)
    count: Mapped[int]


class ScheduledJob(Base):
    """A job that one process does for all, and when it is due next."""

    __tablename__ = "chore"  # as it was called first

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    due_at: Mapped[datetime]


class RolledHour(Base):
    """An hour whose deliveries stand in `hour_count`, and when they were counted."""

    __tablename__ = "rolled_hour"

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    counted_at: Mapped[datetime]


class HourCount(Base):
    """How many deliveries of an hour share country, state, reason, error code, kind and channel."""

    __tablename__ = "hour_count"

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    country: Mapped[str] = mapped_column(String(3), primary_key=True)
    state: Mapped[str] = mapped_column(String(30), primary_key=True)
    reason: Mapped[str] = mapped_column(String(30), primary_key=True)  # "": none
    error_code: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 0: none
    # "": counted by older code.
    kind: Mapped[str] = mapped_column(String(40), primary_key=True, server_default="")
    channel: Mapped[str] = mapped_column(String(10), primary_key=True, server_default="")
    count: Mapped[int]
