"""When to ask Twilio what became of a text, if it does not tell by itself."""

from datetime import datetime, timedelta

from smsapp.models import DeliveryState

# An unknown outcome: soon, but not before a message that was just accepted is listed.
AFTER_UNKNOWN = timedelta(seconds=5)

# Sent and never heard of again: after 1, 6 and 24 hours. A receipt is late by seconds, or lost.
AFTER_SENT = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))


def next_reconcile_at(state: DeliveryState, now: datetime) -> datetime | None:
    """Return when a delivery that has just come to `state` is looked up; None for never."""
    if state is DeliveryState.UNKNOWN:
        return now + AFTER_UNKNOWN
    if state is DeliveryState.SENT:
        return now + AFTER_SENT[0]
    return None


def next_reconcile_of_sent(sent_at: datetime, now: datetime) -> datetime | None:
    """Return when a delivery is looked up again that is still only `sent`; None for never."""
    later = (sent_at + wait for wait in AFTER_SENT)
    return next((at for at in later if at > now), None)
