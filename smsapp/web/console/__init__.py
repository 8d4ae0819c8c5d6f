"""What support and operators see."""

from smsapp.web.console import (
    audit,
    deliveries,
    inbox,
    numbers,
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
    audit.bp,
    overview.bp,
    webhook_endpoints.bp,
)
