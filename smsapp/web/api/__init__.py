"""What internal services use: JSON in and out, by API key."""

from smsapp.web.api import deliveries, events, verify

BLUEPRINTS = (events.bp, deliveries.bp, verify.bp)
