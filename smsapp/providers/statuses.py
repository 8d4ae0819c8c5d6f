"""Twilio's words for what becomes of a message, and how far each says that it got."""

from smsapp.models import AttemptState

# Any other word is kept as a receipt and says no more than that Twilio has the message.
STATES = {
    "accepted": AttemptState.QUEUED,
    "scheduled": AttemptState.QUEUED,
    "queued": AttemptState.QUEUED,
    "sending": AttemptState.QUEUED,
    "sent": AttemptState.SENT,
    "partially_delivered": AttemptState.SENT,
    "failed": AttemptState.FAILED,
    "undelivered": AttemptState.UNDELIVERED,
    "delivered": AttemptState.DELIVERED,
    "read": AttemptState.READ,
}

TEXTS = {
    "accepted": "Twilio accepted it",
    "scheduled": "Twilio scheduled it",
    "queued": "Twilio queued it",
    "sending": "Twilio is sending it",
    "sent": "the carrier took it",
    "partially_delivered": "a part of it arrived",
    "delivered": "it arrived",
    "undelivered": "it was not delivered",
    "failed": "it could not be sent",
    "read": "it was opened",
    "canceled": "it was canceled at Twilio",
}
