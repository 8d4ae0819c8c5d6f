"""Posting alarms to ALARM_WEBHOOK_URL, when they are raised and when they are cleared.

Each is posted at least once: a process claims a message for a minute, and if it is killed in that
time, another posts it again.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, case, select, update

from smsapp import backoff
from smsapp.extensions import database_now, db, settings
from smsapp.models import Alarm
from smsapp.providers import alarm_webhook
from smsapp.watch import alarm_text

CLAIMED_FOR = timedelta(minutes=1)
FIRST_WAIT = timedelta(seconds=10)
MAX_WAIT = timedelta(hours=1)
# Tried for a day and a half; by then somebody has looked without being told.
MAX_TRIES = 40

log = logging.getLogger(__name__)

_NEXT = (
    select(Alarm.id)
    .where(Alarm.tell_at <= bindparam("now"))
    .order_by(Alarm.tell_at)
    .limit(1)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_CLAIM = (
    update(Alarm)
    .where(Alarm.id == _NEXT)
    .values(tell_at=bindparam("until"), tell_tries=Alarm.tell_tries + 1)
    .returning(*Alarm.__table__.c)
)
_OF = update(Alarm).where(Alarm.id == bindparam("of"))
# An alarm that was cleared meanwhile is due to be told of that.
_RAISE_TOLD = _OF.values(
    raise_told_at=bindparam("now"),
    tell_tries=0,
    tell_at=case((Alarm.cleared_at.is_not(None), bindparam("now")), else_=None),
)
_CLEAR_TOLD = _OF.values(clear_told_at=bindparam("now"), tell_at=None)
_LATER = _OF.values(tell_at=bindparam("later"))


def tick() -> None:
    """Post all that is due; after a failure the rest waits for the next time."""
    url = settings().alarm_webhook_url
    while url and _tell_one(url.get_secret_value()):
        pass


def _tell_one(url: str) -> bool:
    """Post the message that has been due longest; return whether it was taken."""
    with db.engine.begin() as conn:
        now = database_now(conn)
        row = conn.execute(_CLAIM, {"now": now, "until": now + CLAIMED_FOR}).one_or_none()
    if row is None:
        return False
    is_raise = row.raise_told_at is None
    trouble = alarm_webhook.post(url, _message(row, "raised" if is_raise else "cleared"))
    with db.engine.begin() as conn:
        now = database_now(conn)
        if trouble is None:
            conn.execute(_RAISE_TOLD if is_raise else _CLEAR_TOLD, {"of": row.id, "now": now})
        else:
            conn.execute(_LATER, {"of": row.id, "later": _later(row.tell_tries, now)})
    if trouble:
        log.warning("alarm not told", extra={"alarm": row.id, "trouble": trouble})
    return trouble is None


def _later(tries: int, now: datetime) -> datetime | None:
    """Return when to try again; None when it is given up."""
    if tries >= MAX_TRIES:
        return None
    return now + backoff.exponential(tries, FIRST_WAIT, MAX_WAIT)


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
            for code in alarm_text.codes(row.facts)
        ],
    }
