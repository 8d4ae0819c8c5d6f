"""What services told us of appointments; the latest of it is how an appointment stands."""

import uuid
from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base


class AppointmentEvent(Base):
    """One event about an appointment, beside its delivery, which says whose and which."""

    __tablename__ = "appointment_event"

    delivery_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delivery.id"), primary_key=True)
    event_at: Mapped[datetime | None]  # when it happened, if the service says
    starts_at: Mapped[datetime | None]
    utc_offset: Mapped[int | None]  # minutes, as the service wrote starts_at
    time_zone: Mapped[str | None] = mapped_column(String(64))
    place: Mapped[str | None] = mapped_column(String(80))
    remind_before: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    locale: Mapped[str | None] = mapped_column(String(35))
    confirmed_at: Mapped[datetime | None]  # when the customer said that they come
