"""`appointment_booked`: somebody has an appointment."""

from smsapp.config import Settings
from smsapp.events.appointment_fields import AppointmentTime, content
from smsapp.events.appointments import BOOKED, appointment_kind
from smsapp.events.fields import text


class AppointmentBooked(AppointmentTime):
    """What a service says when an appointment is made.

    It is reminded of as remindBefore says, with an empty list never; else as the shop has set.
    """


def words(event: AppointmentBooked, settings: Settings) -> str:
    """Return the text that confirms an appointment."""
    _ = event.language.gettext
    if event.place:
        told = _(
            "Your appointment is booked: %(moment)s, %(place)s.",
            moment=event.moment,
            place=event.place,
        )
    else:
        told = _("Your appointment is booked: %(moment)s.", moment=event.moment)
    return text(settings, told)


APPOINTMENT_BOOKED = appointment_kind(
    name=BOOKED,
    title="Appointment booked",
    body=AppointmentBooked,
    content=content,
    words=words,
)
