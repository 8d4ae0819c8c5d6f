"""Posting alarms to ALARM_WEBHOOK_URL, when they are raised and when they are cleared.

Each is posted at least once: a process claims a message for a minute, and if it is killed in that
time, another posts it again.
"""

import logging
from datetime import timedelta
from typing import Any

from sqlalchemy import case, literal, select, update

from smsapp import backoff
from smsapp.extensions import database_now, db, settings
from smsapp.models import Alarm
from smsapp.models.base import UtcDateTime
from smsapp.providers import alarm_webhook
from smsapp.watch import alarm_text

CLAIMED_FOR = timedelta(minutes=1)
FIRST_WAIT = timedelta(seconds=10)
MAX_WAIT = timedelta(hours=1)
# Tried for a day and a half; by then somebody has looked without being told.
MAX_TRIES = 40

log = logging.getLogger(__name__)


def tick() -> None:
    """Post all that is due; after a failure the rest waits for the next time."""
    url = settings().alarm_webhook_url
    while url and _tell_one(url.get_secret_value()):
        pass


def _tell_one(url: str) -> bool:
    """Post the message that has been due longest; return whether it was taken."""
    with db.engine.begin() as conn:
        now = database_now(conn)
        due = select(Alarm.id).where(Alarm.tell_at <= now).order_by(Alarm.tell_at).limit(1)
        row = conn.execute(
            update(Alarm)
            .where(Alarm.id == due.with_for_update(skip_locked=True).scalar_subquery())
            .values(tell_at=now + CLAIMED_FOR, tell_tries=Alarm.tell_tries + 1)
            .returning(*Alarm.__table__.c)
        ).one_or_none()
    if row is None:
        return False
    is_raise = row.raise_told_at is None
    trouble = alarm_webhook.post(url, _message(row, "raised" if is_raise else "cleared"))
    with db.engine.begin() as conn:
        now = database_now(conn)
        told = update(Alarm).where(Alarm.id == row.id)
        if trouble:
            wait = backoff.exponential(row.tell_tries, FIRST_WAIT, MAX_WAIT)
            told = told.values(tell_at=now + wait if row.tell_tries < MAX_TRIES else None)
        elif is_raise:  # an alarm cleared meanwhile is due to be told of that
            next_at = case((Alarm.cleared_at.is_not(None), literal(now, UtcDateTime)), else_=None)
            told = told.values(raise_told_at=now, tell_tries=0, tell_at=next_at)
        else:
            told = told.values(clear_told_at=now, tell_at=None)
        conn.execute(told)
    if trouble:
        log.warning("alarm not told", extra={"alarm": row.id, "trouble": trouble})
    return trouble is None


def _message(row: Any, state: str) -> dict[str, Any]:
    """Return the message as JSON; its `text` is what Slack and the like show."""
    sentence = alarm_text.sentence(row.kind, row.subject, row.facts)
    is_over = state == "cleared"
    next_step = alarm_text.next_step(row.kind, row.facts)
    return {
        "text": f"Over: {sentence}" if is_over else f"{sentence} {next_step}",
        "alarm": row.id,
        "state": state,
        "kind": row.kind.value,
        "subject": row.subject,
        "raisedAt": row.raised_at.isoformat(),
        "clearedAt": row.cleared_at.isoformat() if is_over else None,
        "errorCodes": [
            {
                "code": code.meaning.code,
                "count": code.count,
                "cause": code.meaning.cause,
                "nextStep": code.meaning.next_step,
            }
            for code in alarm_text.codes(row.facts.get("codes", []))
        ],
    }
