"""What became of a phone call, where the words about a text would be wrong."""

from smsapp.models import DeliveryState
from smsapp.providers.calls import TAKEN_BY_MACHINE

SENDING = ("Twilio is being asked to call right now.", "Look again in half a minute.")
SENT = (
    "Twilio took it, and calls as soon as calls before it let it.",
    "Wait: Twilio tells what comes of it as soon as somebody answers, or nobody does.",
)
DELIVERED = ("They picked up, and it was said to them.", "Nothing.")
BY_MACHINE = (
    "An answering machine took it, and it was said after the tone.",
    "Nothing; whether they have listened, nobody tells.",
)


def of_state(state: DeliveryState, said: set[str]) -> tuple[str, str] | None:
    """Return a state of a call with the next step; None where the words about a text fit.

    `said` is what Twilio has said of it.
    """
    by_state = {DeliveryState.SENDING: SENDING, DeliveryState.SENT: SENT}
    if state is DeliveryState.DELIVERED:
        return BY_MACHINE if TAKEN_BY_MACHINE in said else DELIVERED
    return by_state.get(state)
