"""`appointment_canceled`: an appointment does not take place."""

from smsapp.config import Settings
from smsapp.events.appointment_fields import AboutAppointment, TimeZone, Upcoming
from smsapp.events.appointments import CANCELED, appointment_kind
from smsapp.events.fields import same_time, text
from smsapp.events.times import moment


class AppointmentCanceled(AboutAppointment):
    """What a service says when an appointment is off; the text says when it was to be, if known."""

    starts_at: Upcoming | None = None
    time_zone: TimeZone | None = None


def words(event: AppointmentCanceled, settings: Settings) -> str:
    """Return the text about an appointment that is off."""
    _ = event.language.gettext
    if event.starts_at is None:
        return text(settings, _("Your appointment is canceled."))
    when = moment(event.starts_at, event.phone, event.language, event.time_zone)
    return text(settings, _("Your appointment on %(moment)s is canceled.", moment=when))


APPOINTMENT_CANCELED = appointment_kind(
    name=CANCELED,
    title="Appointment canceled",
    body=AppointmentCanceled,
    content=lambda event: [
        event.appointment_id,
        same_time(event.event_at),
        same_time(event.starts_at),
        event.time_zone,
    ],
    words=words,
)
