"""The table of kinds: why we write to people."""

from collections import ChainMap

from smsapp.events.announcement import ANNOUNCEMENT
from smsapp.events.answer import ANSWER
from smsapp.events.appointment_booked import APPOINTMENT_BOOKED
from smsapp.events.appointment_canceled import APPOINTMENT_CANCELED
from smsapp.events.appointment_confirmed import APPOINTMENT_CONFIRMED
from smsapp.events.appointment_moved import APPOINTMENT_MOVED
from smsapp.events.appointment_reminder import APPOINTMENT_REMINDER
from smsapp.events.incident_paged import INCIDENT_PAGED, INCIDENT_TOLD
from smsapp.events.kind import Kind
from smsapp.events.order_delayed import ORDER_DELAYED
from smsapp.events.order_delivered import ORDER_DELIVERED
from smsapp.events.order_out_for_delivery import ORDER_OUT_FOR_DELIVERY
from smsapp.events.order_ready import ORDER_READY
from smsapp.events.order_shipped import ORDER_SHIPPED
from smsapp.events.signed_up import SIGNED_UP
from smsapp.events.support_received import SUPPORT_RECEIVED
from smsapp.events.voicemail_left import VOICEMAIL_LEFT

# What services tell us of, each at an address of its own.
KINDS = {
    kind.name: kind
    for kind in (
        ORDER_SHIPPED,
        ORDER_OUT_FOR_DELIVERY,
        ORDER_DELIVERED,
        ORDER_DELAYED,
        ORDER_READY,
        APPOINTMENT_BOOKED,
        APPOINTMENT_MOVED,
        APPOINTMENT_CANCELED,
        SUPPORT_RECEIVED,
    )
}
# And what we tell ourselves.
OWN = {
    kind.name: kind
    for kind in (
        APPOINTMENT_REMINDER,
        APPOINTMENT_CONFIRMED,
        SIGNED_UP,
        ANSWER,
        VOICEMAIL_LEFT,
        INCIDENT_PAGED,
        INCIDENT_TOLD,
    )
}
# And what comes in batches alone.
IN_BATCHES = {ANNOUNCEMENT.name: ANNOUNCEMENT}
ALL = ChainMap(IN_BATCHES, OWN, KINDS)


def title(name: str) -> str:
    """Return what people call a kind; the name itself for one of a newer release."""
    return ALL[name].title if name in ALL else name.replace("_", " ").capitalize()


def about(name: str) -> str:
    """Return what sort of thing events of a kind are about: "order"."""
    return ALL[name].about if name in ALL else "subject"


def subject_field(about: str) -> str:
    """Return what the API calls a subject of a sort: "orderId"."""
    return "incidentKey" if about == "incident" else f"{about}Id"  # its id is another, ours


def titles(about: str | None = None) -> dict[str, str]:
    """Return {name: title} of all kinds, or of those about one sort of thing."""
    return {name: kind.title for name, kind in ALL.items() if about in {None, kind.about}}


def superseded_by(kind: Kind) -> tuple[str, ...]:
    """Return the kinds that make a waiting message of this one pointless."""
    return tuple(other.name for other in KINDS.values() if kind.name in other.supersedes)


def may_supersede(name: str) -> tuple[str, ...]:
    """Return the kinds whose events may have made a message of this one pointless."""
    kind = ALL[name]
    alike = (other.name for other in KINDS.values() if other.about == kind.about)
    return superseded_by(kind) or tuple(alike)
