"""What internal services use: JSON in and out, by API key."""

from smsapp.web.api import batches, deliveries, events, incidents, verify, webhook_endpoints

BLUEPRINTS = (
    events.bp,
    incidents.bp,
    deliveries.bp,
    batches.bp,
    webhook_endpoints.bp,
    verify.bp,
)
