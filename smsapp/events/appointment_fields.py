"""What events about an appointment share: their fields, and how it is named in a text."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator
from pydantic_core.core_schema import ValidationInfo

from smsapp import clock, durations
from smsapp.durations import Duration
from smsapp.events.fields import Event, HappenedAt, LocalTime, Place, Reference, same_time
from smsapp.events.times import moment
from smsapp.quiet_hours import zone_names

MOST_REMINDERS = 5


def _upcoming(value: datetime) -> datetime:
    if value <= clock.now():
        raise ValueError("must be in the future")
    return value


def _zone(value: str) -> str:
    if value not in zone_names():
        raise ValueError("must be a time zone of the IANA database, such as Europe/Berlin")
    return value


def _durations(value: object) -> list[Duration]:
    if not isinstance(value, list) or len(value) > MOST_REMINDERS:
        raise ValueError(f"must be a list of at most {MOST_REMINDERS} durations such as P1D")
    found = {each: durations.parse(str(each)) for each in value}
    return list(found.values())


Upcoming = Annotated[
    LocalTime,
    Field(description="When it begins: an RFC 3339 time with an offset, in the future."),
    AfterValidator(_upcoming),
]
TimeZone = Annotated[
    str,
    Field(
        description="Where it takes place: a time zone of the IANA database.",
        examples=["Europe/Berlin"],
        json_schema_extra={"pattern": "^[A-Za-z0-9_+/-]+$"},
    ),
    AfterValidator(_zone),
]
RemindBefore = Annotated[
    list[Duration],
    BeforeValidator(_durations),
    WithJsonSchema(
        {
            "type": "array",
            "description": "How long before it to remind of it, as ISO 8601 durations of at most "
            f"{durations.MOST_DAYS} days; with none, never.",
            "items": {"type": "string", "pattern": durations.PATTERN},
            "maxItems": MOST_REMINDERS,
            "examples": [["P1D", "PT2H"]],
        }
    ),
]


class AboutAppointment(Event):
    """What all of them have: which appointment, and when it happened, if the service says.

    The later event counts, in whichever order they come in.
    """

    appointment_id: Reference
    event_at: HappenedAt | None = None


class AppointmentTime(AboutAppointment):
    """When an appointment is, where, and how long before that to remind of it.

    `time_zone` is where it takes place, `starts_at` any way of writing when.
    """

    starts_at: Upcoming
    time_zone: TimeZone | None = None
    place: Place | None = None
    remind_before: RemindBefore | None = None

    @field_validator("starts_at")
    @classmethod
    def _starts_after_it_was_told(cls, starts_at: datetime, info: ValidationInfo) -> datetime:
        send_at = info.data.get("send_at")
        if send_at and starts_at <= send_at:
            raise ValueError("must be later than sendAt")
        return starts_at

    @property
    def moment(self) -> str:
        """Return when it is, as a text says it: "Fri, Dec 4, 14:00"."""
        return moment(self.starts_at, self.phone, self.language, self.time_zone)


def content(event: AppointmentTime) -> list[str | None]:
    """Return what makes an event with this id the same event again."""
    before = event.remind_before
    return [
        event.appointment_id,
        same_time(event.event_at),
        same_time(event.starts_at),
        event.time_zone,
        event.place,
        None if before is None else ",".join(each.text for each in before),
    ]
