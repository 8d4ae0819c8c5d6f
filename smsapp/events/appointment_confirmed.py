"""`appointment_confirmed`: a customer said that they come, which is answered by one text."""

from datetime import timedelta

from smsapp.config import Settings
from smsapp.events.appointment_fields import AppointmentTime
from smsapp.events.fields import LocalTime, text
from smsapp.events.kind import Kind
from smsapp.models import Channel


class AppointmentConfirmed(AppointmentTime):
    """The appointment that they confirmed; the event id is their text's SID."""

    starts_at: LocalTime  # by the database's clock, which this process's need not agree with


def words(event: AppointmentConfirmed, settings: Settings) -> str:
    """Return the text that thanks for it."""
    _ = event.language.gettext
    told = _("Thank you. Your appointment on %(moment)s is confirmed.", moment=event.moment)
    return text(settings, told)


APPOINTMENT_CONFIRMED = Kind(
    name="appointment_confirmed",
    title="Appointment confirmed",
    purpose="appointment_reminders",
    body=AppointmentConfirmed,
    about="appointment",
    subject=lambda event: event.appointment_id,
    content=lambda event: [event.appointment_id],
    words=words,
    route=(Channel.WHATSAPP, Channel.SMS),
    max_age=lambda _settings: timedelta(hours=1),
)
