"""Forgetting webhooks to callers once nobody can want them replayed."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, or_, select, text

from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import Webhook, WebhookEndpoint, WebhookState

BATCH = 2_000

# As text, word for word as in its index.
_DONE = and_(text("done_at IS NOT NULL"), Webhook.done_at < bindparam("cutoff"))
# What waits for an endpoint that hears nothing.
_DISABLED = select(WebhookEndpoint.id).where(WebhookEndpoint.disabled_at < bindparam("cutoff"))
_WAITS_IN_VAIN = and_(
    Webhook.state == bindparam("pending", WebhookState.PENDING, literal_execute=True),
    Webhook.endpoint_id.in_(_DISABLED),
)


def count() -> int:
    """Return how many webhooks there are to forget."""
    with reading() as conn:
        old = select(func.count()).select_from(Webhook).where(or_(_DONE, _WAITS_IN_VAIN))
        return conn.execute(old, _cutoff(database_now(conn))).scalar_one()


def forget() -> int:
    """Forget a batch of old webhooks; return how many."""
    with db.engine.begin() as conn:
        cutoff = _cutoff(database_now(conn))
        ids = [
            webhook_id
            for which in (_DONE, _WAITS_IN_VAIN)
            for webhook_id in conn.execute(_batch(which), cutoff).scalars()
        ]
        if ids:
            conn.execute(delete(Webhook).where(Webhook.id.in_(ids)))
    return len(ids)


def _batch(which: ColumnElement[bool]) -> Select[int]:
    return select(Webhook.id).where(which).limit(BATCH).with_for_update(skip_locked=True)


def _cutoff(now: datetime) -> dict[str, datetime]:
    return {"cutoff": now - timedelta(days=settings().webhook_retention_days)}
