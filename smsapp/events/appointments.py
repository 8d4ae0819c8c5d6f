"""Appointments: how one stands by all that we were told of it, and its reminders.

What is known is never changed but only added to. How an appointment stands follows from all of it,
and so is the same in whichever order the events come in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, func, insert, select, update

from smsapp import durations, quiet_hours
from smsapp.config import Settings
from smsapp.delivery import outbox, superseding
from smsapp.delivery.new_deliveries import Accepted, NewDelivery
from smsapp.events import reminders
from smsapp.events.appointment_confirmed import APPOINTMENT_CONFIRMED
from smsapp.events.appointment_fields import AppointmentTime
from smsapp.events.appointment_reminder import APPOINTMENT_REMINDER, AppointmentReminder
from smsapp.events.fields import how_to_stop, order_max_age
from smsapp.events.kind import Kind, message, variables
from smsapp.events.reminders import Reminder
from smsapp.extensions import database_now, reading
from smsapp.models import AppointmentEvent, Delivery, DeliveryState, Reason
from smsapp.recipients import phones

BOOKED = "appointment_booked"
MOVED = "appointment_moved"
CANCELED = "appointment_canceled"
# Which is the later one, of events that don't all say when they happened.
_RANK = {BOOKED: 0, MOVED: 1, CANCELED: 2}
_REMINDER = (APPOINTMENT_REMINDER.name,)
ABOUT_APPOINTMENTS = (*_RANK, *_REMINDER, APPOINTMENT_CONFIRMED.name)

_TOLD = (
    select(
        AppointmentEvent.__table__,
        Delivery.kind,
        Delivery.event_id,
        Delivery.created_at,
        Delivery.subject,
    )
    .join(Delivery, Delivery.id == AppointmentEvent.delivery_id)
    .where(Delivery.phone_key == bindparam("of"))
)
_TOLD_OF_ONE = _TOLD.where(Delivery.subject == bindparam("about"))
# Of each appointment when the last was accepted of what was written about it.
_WRITTEN_ABOUT = (
    select(Delivery.subject, func.max(Delivery.created_at))
    .where(
        Delivery.phone_key == bindparam("of"),
        Delivery.kind.in_(ABOUT_APPOINTMENTS),
        Delivery.last_attempt_at <= bindparam("by"),
    )
    .group_by(Delivery.subject)
)
_CONFIRM = (
    update(AppointmentEvent)
    .where(AppointmentEvent.delivery_id == bindparam("of"))
    .values(confirmed_at=bindparam("now"))
)
_REWORD = (
    update(Delivery)
    .where(
        Delivery.phone_key == bindparam("of"),
        Delivery.subject == bindparam("about"),
        Delivery.kind.in_(_REMINDER),
        Delivery.state == DeliveryState.PENDING,
    )
    .values(body=bindparam("words"))
)

AboutTime = TypeVar("AboutTime", bound=AppointmentTime)


@dataclass(frozen=True, slots=True)
class Appointment:
    """How an appointment stands: what the latest event leaves unsaid holds from those before it.

    Attributes:
        latest: The latest event, a row of appointment_event with its delivery's kind.
        starts_at: With the offset that the service wrote it with; None if it was never told.
        remind_before: ISO 8601 durations; None for REMINDERS.
        confirmed_at: When the customer confirmed it as it is now: once moved, it has to be anew.
    """

    latest: Any
    is_canceled: bool
    starts_at: datetime | None
    time_zone: str | None
    place: str | None
    remind_before: list[str] | None
    locale: str | None
    confirmed_at: datetime | None

    def event(self, model: type[AboutTime], event_id: str, e164: str, subject: str) -> AboutTime:
        """Return it as one of our own events."""
        assert self.starts_at  # noqa: S101  of one without there is none
        return model.model_validate(
            {
                "eventId": event_id,
                "phone": e164,
                "appointmentId": subject,
                "startsAt": self.starts_at.isoformat(),
                "timeZone": self.time_zone,
                "place": self.place,
                "locale": self.locale,
                "isConfirmed": self.confirmed_at is not None,
            }
        )


@dataclass(frozen=True, slots=True)
class Told:
    """An event about an appointment, and how a text says it."""

    event: Any
    words: Callable[[Any, Settings], str]
    config: Settings


def _said(event: Any) -> dict[str, Any]:
    """Return what an event says of its appointment, by the columns of appointment_event."""
    starts_at, before = event.starts_at, getattr(event, "remind_before", None)
    return {
        "event_at": event.event_at,
        "starts_at": starts_at,
        "utc_offset": starts_at and starts_at.utcoffset() // timedelta(minutes=1),
        "time_zone": event.time_zone,
        "place": getattr(event, "place", None),
        "remind_before": None if before is None else [each.text for each in before],
        "locale": event.locale and event.language.tag,
        "confirmed_at": None,
    }


def standing(events: Sequence[Any]) -> Appointment:
    """Return how an appointment stands by all that we were told of it, which is something.

    The event that happened later counts. Where not all of them say when, a cancellation is later
    than a move, and that than a booking: one that is late must not bring back what is canceled.
    """
    all_say_when = all(event.event_at for event in events)

    def place_in_time(event: Any) -> tuple[Any, ...]:
        when = (event.event_at,) if all_say_when else ()
        return (*when, _RANK[event.kind], event.created_at)

    newest_first = sorted(events, key=place_in_time, reverse=True)

    def said(name: str) -> Any:
        values = (getattr(event, name) for event in newest_first)
        return next((value for value in values if value is not None), None)

    starts_at, offset = said("starts_at"), timedelta(minutes=said("utc_offset") or 0)
    return Appointment(
        latest=newest_first[0],
        is_canceled=newest_first[0].kind == CANCELED,
        starts_at=starts_at and starts_at.astimezone(timezone(offset)),
        time_zone=said("time_zone"),
        place=said("place"),
        remind_before=said("remind_before"),
        locale=said("locale"),
        confirmed_at=newest_first[0].confirmed_at,
    )


def of_delivery(delivery: Any) -> Appointment | None:
    """Return how the appointment stands that a delivery is about; None where it is about none."""
    if delivery.kind not in ABOUT_APPOINTMENTS:
        return None
    which = {"of": delivery.phone_key, "about": delivery.subject}
    with reading() as conn:
        events = conn.execute(_TOLD_OF_ONE, which).all()
    return standing(events) if events else None


def accept(conn: Connection, rows: list[NewDelivery]) -> list[Accepted]:
    """Accept events about appointments as outbox.accept does, with what follows for reminders.

    In one commit with each event, what waits by what was known before is canceled and planned
    anew. An event that a later one has overtaken is not written about.
    """
    numbers = {row.phone_key: row.e164 for row in rows}
    phones.remember_and_lock(conn, numbers, {row.phone_key for row in rows if row.is_test})
    return [_accept(conn, row) for row in rows]


def _accept(conn: Connection, row: NewDelivery) -> Accepted:
    now = database_now(conn)
    told: Told = row.details
    said, config = _said(told.event), told.config
    known = conn.execute(_TOLD_OF_ONE, {"of": row.phone_key, "about": row.subject}).all()
    # One that came before may be sent again, and is no later than it was.
    new: Any = next((each for each in known if (each.kind, each.event_id) == row.event), None)
    if new is None:
        new = SimpleNamespace(kind=row.kind, created_at=now, **said)
        known = [*known, new]
    stands = standing(known)
    is_latest = stands.latest is new
    row = _in_full(row, told, stands)
    if not is_latest:
        row = replace(row, canceled=Reason.SUPERSEDED)
    elif row.kind == BOOKED and not config.confirm_appointments:
        row = replace(row, canceled=Reason.NOT_WANTED)
    if stands.starts_at and not stands.is_canceled:
        until_then = stands.starts_at - max(now, row.send_at or now)
        row = replace(row, max_age=min(row.max_age, until_then))
    (accepted,) = outbox.accept(conn, [row])
    if accepted.is_duplicate:
        return accepted
    conn.execute(insert(AppointmentEvent), said | {"delivery_id": accepted.delivery_id})
    # A late event leaves the text about a later one as it is, but may say what that did not.
    kinds = ABOUT_APPOINTMENTS if is_latest else _REMINDER
    superseding.cancel(conn, kinds, row.phone_key, row.subject, now, but=accepted.delivery_id)
    if stands.is_canceled or accepted.state is DeliveryState.SUPPRESSED:
        return accepted
    planned = _plan(stands, row.e164, config, now)
    waiting = [each for each in planned if each.due_at]
    if waiting:
        source = str(accepted.delivery_id)
        outbox.accept(conn, [_reminder(each, stands, row, source, config) for each in waiting])
    return replace(accepted, answer={"reminders": [_as_json(each) for each in planned]})


def _in_full(row: NewDelivery, told: Told, stands: Appointment) -> NewDelivery:
    """Return an event's delivery in the language, and by the clock, that an earlier one named."""
    unsaid = {
        name: getattr(stands, name)
        for name in ("starts_at", "time_zone", "locale")
        if getattr(told.event, name) is None
    }
    event = told.event.model_copy(update=unsaid)
    return replace(
        row,
        body=told.words(event, told.config),
        if_first=row.if_first and f" {how_to_stop(event.language)}",
    )


def _plan(stands: Appointment, e164: str, config: Settings, now: datetime) -> list[Reminder]:
    if stands.starts_at is None or stands.starts_at <= now:
        return []
    before = stands.remind_before
    return reminders.plan(
        stands.starts_at,
        config.reminders if before is None else [durations.parse(text) for text in before],
        (ZoneInfo(stands.time_zone),) if stands.time_zone else quiet_hours.zones_of(e164),
        config.quiet_hours,
        now,
    )


def _reminder(
    planned: Reminder, stands: Appointment, row: NewDelivery, source: str, config: Settings
) -> NewDelivery:
    """Return a reminder as it is to be written down, planned by an event's delivery."""
    assert planned.due_at and planned.expires_at  # noqa: S101
    event_id = f"{source}-{planned.before.text}"
    event = stands.event(AppointmentReminder, event_id, row.e164, row.subject)
    return replace(
        row,
        kind=APPOINTMENT_REMINDER.name,
        event_id=event_id,
        body=message(APPOINTMENT_REMINDER, event, config),
        send_at=planned.due_at,
        max_age=planned.expires_at - planned.due_at,
        waits_for_morning=True,
        time_zone=stands.time_zone,
        send_now=False,
        canceled=None,
        details=None,
        variables=variables(APPOINTMENT_REMINDER, event, (row.channel, *row.route)),
    )


def _as_json(planned: Reminder) -> dict[str, str | None]:
    told: dict[str, str | None] = {"before": planned.before.text}
    if planned.due_at:
        return told | {"sendAt": planned.due_at.isoformat()}
    return told | {"leftOut": planned.why_not}


def confirm(
    conn: Connection,
    phone_key: str,
    e164: str,
    config: Settings,
    now: datetime,
    said_at: datetime,
) -> tuple[str, Appointment] | None:
    """Confirm the soonest appointment that somebody was written to about when they said so.

    About how it stands, that is: that it was moved they may not have heard yet. Return which;
    None where none was open, or it is another by now. The number is locked (phones.py). What
    waits asks for it no more.
    """
    which = {"of": phone_key, "by": said_at}
    written_about = {row[0]: row[1] for row in conn.execute(_WRITTEN_ABOUT, which)}
    events: dict[str, list[Any]] = {}
    for row in conn.execute(_TOLD, {"of": phone_key}):
        if row.subject in written_about:
            events.setdefault(row.subject, []).append(row)
    then = {
        subject: standing(known)
        for subject, rows in events.items()
        if (known := [row for row in rows if row.created_at <= said_at])
    }
    open_ = [
        (stands.starts_at, subject)
        for subject, stands in then.items()
        if stands.starts_at and stands.starts_at > said_at
        if not stands.is_canceled and stands.confirmed_at is None
        if written_about[subject] >= stands.latest.created_at
    ]
    if not open_:
        return None
    _, subject = min(open_)
    stands = standing(events[subject])
    if stands.latest.delivery_id != then[subject].latest.delivery_id:
        return None
    if stands.starts_at is None or stands.starts_at <= now:
        return None
    return subject, _confirm(conn, stands, phone_key, e164, subject, config, now)


def confirm_one(
    conn: Connection,
    phone_key: str,
    e164: str,
    subject: str,
    told_at: datetime,
    config: Settings,
    now: datetime,
) -> Appointment | None:
    """Confirm the appointment that somebody is being told of, as it stood at `told_at`.

    None where it is another by now, is canceled or has begun; done twice, the second time changes
    nothing. The number is locked (phones.py).
    """
    rows = conn.execute(_TOLD_OF_ONE, {"of": phone_key, "about": subject}).all()
    stands = standing(rows) if rows else None
    if stands is None or stands.starts_at is None or stands.is_canceled:
        return None
    if stands.starts_at <= now or stands.latest.created_at > told_at:
        return None
    if stands.confirmed_at:
        return stands
    return _confirm(conn, stands, phone_key, e164, subject, config, now)


def _confirm(
    conn: Connection,
    stands: Appointment,
    phone_key: str,
    e164: str,
    subject: str,
    config: Settings,
    now: datetime,
) -> Appointment:
    """Write down that an appointment is confirmed as it stands; what waits asks for it no more."""
    conn.execute(_CONFIRM, {"of": stands.latest.delivery_id, "now": now})
    stands = replace(stands, confirmed_at=now)
    reminder = stands.event(AppointmentReminder, "reworded", e164, subject)
    words = message(APPOINTMENT_REMINDER, reminder, config)
    conn.execute(_REWORD, {"of": phone_key, "about": subject, "words": words})
    return stands


def appointment_kind(**its_own: Any) -> Kind:
    """Return a kind about an appointment: what is its own, and what all of them share."""

    def details(event: Any, config: Settings) -> Told:
        return Told(event, partial(message, kind), config)

    kind = Kind(
        purpose="appointment_reminders",
        about="appointment",
        subject=lambda event: event.appointment_id,
        max_age=order_max_age,
        accept=accept,
        details=details,
        **its_own,
    )
    return kind
