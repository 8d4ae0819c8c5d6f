"""What internal services use: JSON in and out, by API key."""

from smsapp.web.api import deliveries, events, verify, webhook_endpoints

BLUEPRINTS = (events.bp, deliveries.bp, webhook_endpoints.bp, verify.bp)
