"""When to ask Twilio what became of a text, if it does not tell by itself."""

from datetime import datetime, timedelta

from smsapp.models import Channel, DeliveryState

# An unknown outcome: soon, but not before a message that was just accepted is listed.
AFTER_UNKNOWN = timedelta(seconds=5)

# Sent and never heard of again: after 1, 6 and 24 hours. A receipt is late by seconds, or lost.
AFTER_SENT = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
# Of tests there are no receipts: this is how it is heard what became of them, of slow ones too.
AFTER_TEST = (timedelta(seconds=1), timedelta(seconds=62), timedelta(minutes=5))


def next_reconcile_at(state: DeliveryState, channel: Channel, now: datetime) -> datetime | None:
    """Return when a delivery that has just come to `state` is looked up; None for never."""
    if state is DeliveryState.UNKNOWN:
        return now + AFTER_UNKNOWN
    if state is DeliveryState.SENT:
        return now + _after_sent(channel)[0]
    return None


def next_reconcile_of_sent(sent_at: datetime, channel: Channel, now: datetime) -> datetime | None:
    """Return when a delivery is looked up again that is still only `sent`; None for never."""
    later = (sent_at + wait for wait in _after_sent(channel))
    return next((at for at in later if at > now), None)


def _after_sent(channel: Channel) -> tuple[timedelta, ...]:
    return AFTER_TEST if channel is Channel.TEST else AFTER_SENT
