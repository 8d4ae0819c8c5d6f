"""Deliveries as `outbox.accept` takes them, for tests that call the rules without a door."""

from datetime import UTC, datetime, timedelta

from smsapp.delivery import leases
from smsapp.delivery.new_deliveries import NewDelivery
from smsapp.models import Channel
from smsapp.phone import phone_key


def new(number=1, **changes):
    """Return the event-`number` of a number of its own."""
    e164 = f"+1202555{number:04}"
    values = {
        "kind": "order_shipped",
        "event_id": f"event-{number}",
        "content_hash": "0" * 64,
        "phone_key": phone_key(e164, b"key"),
        "e164": e164,
        "purpose": "order_updates",
        "channel": Channel.SMS,
        "subject": str(number),
        "body": "Ünïcode 100% :of %(x)s ?; it's here \N{PARTY POPPER}",
        "consent_at": datetime(2026, 6, 2, tzinfo=UTC),
        "max_age": timedelta(hours=48),
        "api_key_id": None,
        "send_now": True,
        "rules": leases.rules(),
    }
    return NewDelivery(**values | changes)
