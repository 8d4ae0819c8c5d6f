"""`appointment_moved`: an appointment is at another time, or elsewhere."""

from smsapp.config import Settings
from smsapp.events.appointment_fields import AppointmentTime, content
from smsapp.events.appointments import MOVED, appointment_kind
from smsapp.events.fields import text


class AppointmentMoved(AppointmentTime):
    """What a service says when an appointment is moved; what it leaves out stays as it was.

    One that was never booked is a booking.
    """


def words(event: AppointmentMoved, settings: Settings) -> str:
    """Return the text about an appointment that was moved."""
    _ = event.language.gettext
    if event.place:
        told = _(
            "Your appointment is now on %(moment)s, %(place)s.",
            moment=event.moment,
            place=event.place,
        )
    else:
        told = _("Your appointment is now on %(moment)s.", moment=event.moment)
    return text(settings, told)


APPOINTMENT_MOVED = appointment_kind(
    name=MOVED,
    title="Appointment moved",
    body=AppointmentMoved,
    content=content,
    words=words,
)
