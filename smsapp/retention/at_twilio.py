"""Blanking messages at Twilio too, where BLANK_BODIES_AT_TWILIO says so.

What is owed is a row, written in the commit that blanks the text here, and deleted once Twilio
has done it. To ask twice does no harm.
"""

import logging
import threading
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, literal, select, update

from smsapp import backoff
from smsapp.extensions import database_now, db, insert_into, reading, settings
from smsapp.models import Attempt, BodyAtTwilio, Inbound
from smsapp.models.base import UtcDateTime
from smsapp.providers import sms
from smsapp.providers.messages import Listed, Refused

log = logging.getLogger(__name__)

# One after the other; each may take CALL_SECONDS.
BATCH = 20
# Whoever has taken a batch has this long; then another may.
ASKING = timedelta(minutes=10)
# What Twilio did not do is asked for again after 10, 20, 40 minutes … and in the end once a day.
FIRST_WAIT = timedelta(minutes=10)
MAX_WAIT = timedelta(days=1)
# Twilio, or the network, or our account: no other message would fare better now.
_NOBODY_ELSE_EITHER = {401, 403, 429}

_DUE = BodyAtTwilio.ask_at <= bindparam("now")
_TAKE = (
    select(BodyAtTwilio.sid, BodyAtTwilio.tries)
    .where(_DUE)
    .order_by(BodyAtTwilio.ask_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_SET = update(BodyAtTwilio).where(BodyAtTwilio.sid == bindparam("of"))


def of_deliveries(ids: Iterable[uuid.UUID]) -> Select[Any]:
    """Return the query for the messages of these deliveries."""
    return select(Attempt.sid).where(Attempt.delivery_id.in_(list(ids)), Attempt.sid.is_not(None))


def of_inbound(sids: Iterable[str]) -> Select[Any]:
    """Return the query for these messages of customers'."""
    return select(Inbound.sid).where(Inbound.sid.in_(list(sids)))


def owe(conn: Connection, messages: Select[Any], now: datetime) -> None:
    """Write down, where the settings ask for it, that these messages are to be blanked."""
    if not settings().blank_bodies_at_twilio:
        return
    rows = messages.add_columns(literal(now, UtcDateTime))
    conn.execute(
        insert_into(conn, BodyAtTwilio)
        .from_select(["sid", "ask_at"], rows)
        .on_conflict_do_nothing()
    )


def count() -> int:
    """Return how many messages Twilio is to be asked about now."""
    with reading() as conn:
        now = database_now(conn)
        return conn.execute(
            select(func.count()).select_from(BodyAtTwilio).where(_DUE), {"now": now}
        ).scalar_one()


def blank(stopping: threading.Event) -> int:
    """Ask Twilio to blank a batch of messages; return about how many it was asked.

    0 where there is none, or where Twilio cannot be reached or refuses us: then the rest of the
    batch waits too. A failure is tried again later, ever more rarely.
    """
    asked = 0
    for sid, tries in _take():
        if stopping.is_set():
            return 0
        asked += 1
        answer = sms.client().blank(sid)
        gone = isinstance(answer, Refused) and answer.http_status == 404
        if gone or (isinstance(answer, Listed) and not answer.body):
            with db.engine.begin() as conn:
                conn.execute(delete(BodyAtTwilio).where(BodyAtTwilio.sid == sid))
            continue
        _postpone(sid, tries)
        status = answer.http_status if isinstance(answer, Refused) else None
        log.warning("not blanked at Twilio", extra={"message_sid": sid, "http_status": status})
        if not isinstance(answer, Refused | Listed) or status in _NOBODY_ELSE_EITHER:
            return 0
    return asked


def _take() -> list[tuple[str, int]]:
    """Take a batch; until ASKING has passed nobody else does. Each counts one try more."""
    with db.engine.begin() as conn:
        now = database_now(conn)
        rows = conn.execute(_TAKE, {"now": now}).all()
        if rows:
            conn.execute(
                _SET.values(ask_at=now + ASKING, tries=BodyAtTwilio.tries + 1),
                [{"of": row.sid} for row in rows],
            )
    return [(row.sid, row.tries + 1) for row in rows]


def _postpone(sid: str, tries: int) -> None:
    wait = backoff.exponential(tries, FIRST_WAIT, MAX_WAIT)
    with db.engine.begin() as conn:
        conn.execute(_SET.values(ask_at=database_now(conn) + wait), {"of": sid})
