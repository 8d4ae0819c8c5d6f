"""`appointment_reminder`: an appointment is near, which no service has to tell us."""

from smsapp.config import Settings
from smsapp.events.appointment_fields import AppointmentTime
from smsapp.events.fields import LocalTime, order_max_age, text
from smsapp.events.kind import Kind


class AppointmentReminder(AppointmentTime):
    """An appointment as it stands, and whether the customer said that they come."""

    starts_at: LocalTime  # by the database's clock, which this process's need not agree with
    is_confirmed: bool


def words(event: AppointmentReminder, settings: Settings) -> str:
    """Return the text that reminds of an appointment."""
    _ = event.language.gettext
    if event.place:
        told = _(
            "You have an appointment: %(moment)s, %(place)s.",
            moment=event.moment,
            place=event.place,
        )
    else:
        told = _("You have an appointment: %(moment)s.", moment=event.moment)
    return text(settings, told, "" if event.is_confirmed else _("Reply C to confirm."))


APPOINTMENT_REMINDER = Kind(
    name="appointment_reminder",
    title="Appointment reminder",
    purpose="appointment_reminders",
    body=AppointmentReminder,
    about="appointment",
    subject=lambda event: event.appointment_id,
    content=lambda event: [event.appointment_id],
    words=words,
    max_age=order_max_age,
    waits_for_morning=True,
)
