"""Who is on call, what has gone wrong, and who was told of it."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, Channel, PhoneKey, partial_index

INCIDENT_IS_OPEN = text("state <> 'resolved'")


class Severity(StrEnum):
    """How bad an incident is; both are told at once."""

    CRITICAL = "critical"
    WARNING = "warning"


class IncidentState(StrEnum):
    """Where an incident is in its life."""

    OPEN = "open"  # nobody has said that they have it
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Door(StrEnum):
    """Which way somebody said that they have it."""

    REPLY = "reply"
    CALL = "call"
    LINK = "link"
    CONSOLE = "console"
    API = "api"


class OnCallPerson(Base):
    """Somebody who can be on call. Their number is proved by a code before they are paged."""

    __tablename__ = "on_call_person"
    __table_args__ = (
        partial_index("on_call_person_name", "name", where="left_at IS NULL", unique=True),
        Index("on_call_person_phone", "phone_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    phone_key: Mapped[str] = mapped_column(PhoneKey, ForeignKey("phone.phone_key"))
    added_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]
    # In a storm: when the incidents that they were not told of one by one are told in one text.
    bundle_at: Mapped[datetime | None]
    bundled_at: Mapped[datetime | None]  # when that was done last
    news_at: Mapped[datetime | None]  # when they were last told who has one, or that one is over


class Handover(Base):
    """From when on, by the clock of the rota's zone, somebody is on call, until the next."""

    __tablename__ = "handover"
    __table_args__ = (
        UniqueConstraint("week", "weekday", "minute", name="handover_time_key"),
        CheckConstraint("week BETWEEN 1 AND 52", name="week"),
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("minute BETWEEN 0 AND 1439", name="minute"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    week: Mapped[int]  # of the rota, which begins anew after its last; 1 where all are alike
    weekday: Mapped[int]  # 0: Monday
    minute: Mapped[int]  # of the day
    person_id: Mapped[int] = mapped_column(ForeignKey("on_call_person.id"))


class RotaOverride(Base):
    """Somebody who is on call for a time, whatever the rota says; of two the later made counts."""

    __tablename__ = "rota_override"
    __table_args__ = (CheckConstraint("ends_at > starts_at", name="ends_later"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("on_call_person.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]


class Incident(Base):
    """Something that is wrong, or was. Of one key one alone can be open. Its next step is due."""

    __tablename__ = "incident"
    __table_args__ = (
        partial_index("incident_open", "incident_key", where=INCIDENT_IS_OPEN, unique=True),
        # The worker's queries: the next step, and what is still to be told of how it went on.
        partial_index("incident_due", "step_due_at", where="step_due_at IS NOT NULL"),
        partial_index("incident_news", "news_due_at", where="news_due_at IS NOT NULL"),
        CheckConstraint("step_due_at IS NULL OR state = 'open'", name="open_has_steps"),
        CheckConstraint(
            "state <> 'acknowledged' OR acknowledged_at IS NOT NULL", name="acknowledged"
        ),
        CheckConstraint("(state = 'resolved') = (resolved_at IS NOT NULL)", name="resolved"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    incident_key: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(String(120))
    severity: Mapped[Severity]
    events: Mapped[int]  # how many told of it
    state: Mapped[IncidentState]
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]  # when the last event told of it
    round: Mapped[int]  # how often the steps were gone through, from 0 on
    step: Mapped[int]  # the next to be taken
    stepped_at: Mapped[datetime]  # when step_due_at was written
    step_due_at: Mapped[datetime | None]
    unanswered_at: Mapped[datetime | None]  # when the last resort was told
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(80))
    acknowledged_via: Mapped[Door | None]
    resolved_at: Mapped[datetime | None]
    news_due_at: Mapped[datetime | None]
    # Whose test page it is, which goes to nobody else; null for a true incident.
    test_of: Mapped[int | None] = mapped_column(ForeignKey("on_call_person.id"))


class IncidentEvent(Base):
    """An event about an incident, once for its id."""

    __tablename__ = "incident_event"
    __table_args__ = (UniqueConstraint("kind", "event_id", name="incident_event_key"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    event_id: Mapped[str] = mapped_column(String(120))
    content_hash: Mapped[str] = mapped_column(String(64))
    # Null where it was over, or never told of, before it was said to be over.
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incident.id"))
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_key.id"))
    created_at: Mapped[datetime]


class IncidentPage(Base):
    """Somebody who is told of an incident in one of its steps; once, whoever dies meanwhile."""

    __tablename__ = "incident_page"
    __table_args__ = (
        UniqueConstraint("incident_id", "round", "step", "person_id", name="incident_page_key"),
        Index("incident_page_person", "person_id", "paged_at"),
        Index("incident_page_delivery", "delivery_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incident.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("on_call_person.id"))
    round: Mapped[int]
    step: Mapped[int]
    channel: Mapped[Channel]
    code: Mapped[int | None]  # two digits, theirs for this incident
    paged_at: Mapped[datetime]
    # Null while it waits to be told with others. Several pages may share a delivery.
    delivery_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("delivery.id"))
