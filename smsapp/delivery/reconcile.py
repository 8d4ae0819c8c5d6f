"""Asking Twilio what became of a text, where neither its answer nor a receipt told.

Twilio has no idempotency key for messages, so what is unknown is settled by looking, never by
sending again on a guess: an equal text that nobody else can have sent is ours; nothing at all,
twice, RECONCILE_GRACE_SECONDS apart, means that it was never accepted; anything else is doubtful
and stays unknown until its receipt comes or a person decides.

Where nobody can be asked, as about a mail, it is sent again after as long a time: with the same
Message-ID, so that two are one to whoever gets them.
"""

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Uuid, bindparam, func, select, update
from sqlalchemy.orm import aliased

from smsapp import tally
from smsapp.delivery import receipt_rows, receipts, reconcile_times, retry
from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.receipt_rows import IncomingReceipt
from smsapp.extensions import database_now, db, settings
from smsapp.models import (
    Attempt,
    AttemptState,
    Channel,
    Delivery,
    DeliveryState,
    Phone,
    Reason,
    ReceiptSource,
)
from smsapp.phone import mask
from smsapp.providers.channel import NOBODY_WILL_KNOW
from smsapp.providers.messages import Listed
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from smsapp.recipients import phones

log = logging.getLogger(__name__)

# Twilio's clock and ours differ by less.
BEFORE_ATTEMPT = timedelta(minutes=1)
# Whoever looks has this long; then another may.
LOOKING = timedelta(minutes=1)
AFTER_NO_ANSWER = timedelta(seconds=30)
ABSENT = "absent"
WHILE_DOUBTFUL = timedelta(minutes=5)

_Newest = aliased(Attempt)
_NEWEST = (
    select(_Newest.id)
    .where(_Newest.delivery_id == Delivery.id)
    .order_by(_Newest.number.desc())
    .limit(1)
    .scalar_subquery()
)
_DUE = (
    select(
        Delivery.id,
        Delivery.state,
        Delivery.body,
        Delivery.phone_key,
        Attempt.channel,
        Phone.e164,
        Attempt.id,
        Attempt.sid,
        Attempt.started_at,
    )
    .select_from(Delivery)
    .join(Attempt, Attempt.id == _NEWEST)
    .join(Phone, Phone.phone_key == Delivery.phone_key)
    .where(Delivery.check_at <= bindparam("now"))
    .order_by(Delivery.check_at)
    .limit(1)
    .with_for_update(of=Delivery, skip_locked=True)
)
_SET = update(Delivery).where(Delivery.id == bindparam("of"))
_STILL = select(Delivery.tries, Delivery.absent_since).where(
    Delivery.id == bindparam("of"),
    Delivery.state == DeliveryState.UNKNOWN,
    bindparam("attempt", type_=Uuid()) == _NEWEST,
)
# All that may have sent an equal text to the number and whose SID nobody knows, this one too.
_RIVALS = (
    select(Delivery.body, Attempt.state, Attempt.id)
    .select_from(Delivery)
    .join(Attempt, Attempt.delivery_id == Delivery.id)
    .where(
        Delivery.phone_key == bindparam("phone_key"),
        Attempt.channel == bindparam("channel"),
        Attempt.state.in_([AttemptState.SENDING, AttemptState.UNKNOWN]),
        Attempt.sid.is_(None),
        func.coalesce(Attempt.trouble, "") != ABSENT,
    )
    .order_by(Attempt.started_at, Attempt.id)
)
_KNOWN = select(Attempt.sid).where(Attempt.sid.in_(bindparam("sids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Case:
    """A delivery whose fate is looked up, as it was when the look-up began: a row of _DUE."""

    delivery_id: uuid.UUID
    state: DeliveryState
    body: str
    phone_key: str
    channel: Channel
    e164: str | None
    attempt_id: uuid.UUID
    sid: str | None
    started_at: datetime


def run() -> bool:
    """Look one delivery up; return False where none is due."""
    case = _take()
    if case is None:
        return False
    if case.sid:
        _ask_about(case, case.sid)
    elif case.state is DeliveryState.UNKNOWN and case.e164:
        _search_for(case, case.e164)
    else:  # of an erased person nothing can be searched for; a receipt may still come
        with db.engine.begin() as conn:
            conn.execute(_SET.values(check_at=None), {"of": case.delivery_id})
    return True


def _take() -> Case | None:
    """Take a due look-up; until LOOKING has passed nobody else does it."""
    with db.engine.begin() as conn:
        now = database_now(conn)
        row = conn.execute(_DUE, {"now": now}).one_or_none()
        if row is None:
            return None
        conn.execute(_SET.values(check_at=now + LOOKING), {"of": row.id})
    return Case(*row)


def _ask_about(case: Case, sid: str) -> None:
    """Ask for a message whose SID we know, and take the answer as a receipt."""
    found = CHANNELS[case.channel].find(sid)
    if isinstance(found, Listed):
        receipts.handle(_reported(case, found))
    with db.engine.begin() as conn:
        now = database_now(conn)
        still = (Delivery.state == DeliveryState.SENT) | (Delivery.state == DeliveryState.UNKNOWN)
        later = reconcile_times.next_reconcile_of_sent(case.started_at, case.channel, now)
        gone = isinstance(found, Refused) and found.http_status == 404
        if not isinstance(found, Listed) and not gone:
            later = now + AFTER_NO_ANSWER
        conn.execute(_SET.where(still).values(check_at=later), {"of": case.delivery_id})


def _search_for(case: Case, e164: str) -> None:
    """Look for an unknown delivery among the messages to its number."""
    found = CHANNELS[case.channel].find_to(e164, case.started_at - BEFORE_ATTEMPT)
    ours = _decide(case, found)
    if ours and ours.error_code:  # an opt-out, or a fault of ours, has consequences of its own
        receipts.handle(_reported(case, ours))


def _decide(
    case: Case, found: list[Listed] | Refused | Unwritten | Unknown | None
) -> Listed | None:
    """Say what the messages to its number mean for a case; return the one that is its own."""
    with db.engine.begin() as conn:
        phones.lock(conn, [case.phone_key])
        still = conn.execute(
            _STILL.with_for_update(of=Delivery),
            {"of": case.delivery_id, "attempt": case.attempt_id},
        ).one_or_none()
        if still is None:  # its receipt was quicker
            return None
        now = database_now(conn)
        if found is None:
            _give_back(conn, case, still, now)
            return None
        if found is NOBODY_WILL_KNOW:
            conn.execute(_SET.values(check_at=None), {"of": case.delivery_id})
            return None
        if not isinstance(found, list):
            log.warning("look-up failed", extra={"delivery": str(case.delivery_id)})
            conn.execute(_SET.values(check_at=now + AFTER_NO_ANSWER), {"of": case.delivery_id})
            return None
        unclaimed = _unclaimed(conn, found)
        rivals = conn.execute(_RIVALS, {"phone_key": case.phone_key, "channel": case.channel}).all()
        in_flight = any(rival.state is AttemptState.SENDING for rival in rivals)
        candidates = [rival.id for rival in rivals if rival.body == case.body]
        equal = [message for message in reversed(unclaimed) if message.body == case.body]
        if not all(message.has_words for message in unclaimed):  # any call of ours may be it
            candidates, equal = [rival.id for rival in rivals], unclaimed[::-1]
        if not unclaimed:
            _absent(conn, case, still, now)
        elif len(equal) == len(candidates) and not in_flight:
            # As many equal texts as there are attempts: each has one, in the order of time.
            mine = equal[candidates.index(case.attempt_id)]
            receipt_rows.record(conn, [_reported(case, mine)])
            log.info("found at Twilio", extra=_fields(case) | {"message_sid": mine.sid})
            return mine
        else:
            _doubtful(conn, case, now, is_alarm=not in_flight)
    return None


def _unclaimed(conn: Connection, found: list[Listed]) -> list[Listed]:
    """Return those of Twilio's messages that went out and that no attempt of ours has."""
    ours = [message for message in found if message.is_ours]
    sids = {"sids": [message.sid for message in ours]}
    known = set(conn.execute(_KNOWN, sids).scalars()) if ours else set()
    return [message for message in ours if message.sid not in known]


def _absent(conn: Connection, case: Case, still: Any, now: datetime) -> None:
    """Twilio has no such message: the second time that is certain, and it may be sent again."""
    if not _give_back(conn, case, still, now):
        return
    conn.execute(
        update(Attempt)
        .where(Attempt.id == case.attempt_id)
        # Still unknown: should a receipt come after all, it moves the attempt like any other.
        .values(state=AttemptState.UNKNOWN, trouble=ABSENT, settled_at=now)
    )
    log.info("certainly not at Twilio", extra=_fields(case))


def _give_back(conn: Connection, case: Case, still: Any, now: datetime) -> bool:
    """Let it be sent again where this was the second time; return whether it was."""
    grace = timedelta(seconds=settings().reconcile_grace_seconds)
    of = {"of": case.delivery_id}
    if still.absent_since is None or now - still.absent_since < grace:
        since = still.absent_since or now
        conn.execute(_SET.values(absent_since=since, check_at=since + grace), of)
        return False
    is_spent = still.tries >= retry.MAX_TRIES
    conn.execute(
        _SET.values(
            state=DeliveryState.FAILED if is_spent else DeliveryState.PENDING,
            state_at=now,
            reason=Reason.ATTEMPTS_SPENT if is_spent else None,
            due_at=None if is_spent else now,
            check_at=None,
            absent_since=None,
        ),
        of,
    )
    return True


def _doubtful(conn: Connection, case: Case, now: datetime, *, is_alarm: bool) -> None:
    """Leave it unknown: what Twilio has may be this text or another's."""
    of = {"of": case.delivery_id}
    conn.execute(_SET.values(absent_since=None, check_at=now + WHILE_DOUBTFUL), of)
    if is_alarm:
        tally.add(conn, tally.DOUBTFUL, 1, now)
    level = logging.ERROR if is_alarm else logging.INFO
    log.log(level, "cannot tell whether this text was sent", extra=_fields(case))


def _reported(case: Case, found: Listed) -> IncomingReceipt:
    return IncomingReceipt(
        case.attempt_id, found.sid, found.status, found.error_code, ReceiptSource.LOOK_UP
    )


def _fields(case: Case) -> dict[str, str]:
    return {"delivery": str(case.delivery_id), "to": mask(case.e164 or "")}
