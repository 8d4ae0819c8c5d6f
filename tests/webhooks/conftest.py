"""An endpoint of a caller's, and the worker that tells it what happens."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from smsapp.extensions import db
from smsapp.models import Webhook, WebhookEndpoint
from smsapp.webhooks import sending
from tests.conftest import make_earlier


@pytest.fixture
def endpoint(make_endpoint, sink):
    """An endpoint at the sink that hears everything, as (id, secret)."""
    return make_endpoint(sink.url)


@pytest.fixture
def send(app):
    """Send what is due, as the worker does."""

    def run(stopping=None):
        with app.app_context():
            sending.send_due(stopping or threading.Event())

    return run


@pytest.fixture
def later(app):
    """Let the waits between tries be over, and this much time have passed since they began."""

    def run(by=timedelta(0)):
        with app.app_context(), db.engine.begin() as conn:
            make_earlier(conn, Webhook, by, "first_tried_at")
            make_earlier(conn, WebhookEndpoint, by, "failing_since")
            conn.execute(
                update(Webhook)
                .where(Webhook.due_at.is_not(None))
                .values(due_at=Webhook.occurred_at)
            )

    return run
