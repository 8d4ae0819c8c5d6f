"""What support and operators see."""

from smsapp.web.console import (
    audit,
    batches,
    deliveries,
    inbox,
    incidents,
    numbers,
    on_call,
    overview,
    search,
    sign_in,
    webhook_endpoints,
)

BLUEPRINTS = (
    search.bp,
    sign_in.bp,
    deliveries.bp,
    numbers.bp,
    inbox.bp,
    incidents.bp,
    on_call.bp,
    batches.bp,
    audit.bp,
    overview.bp,
    webhook_endpoints.bp,
)
