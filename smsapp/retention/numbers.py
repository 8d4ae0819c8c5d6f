"""Forgetting numbers that nobody has used for PHONE_RETENTION_DAYS.

The opt-out and the ledger stay under the phone's key, and a number that comes back is known again
(phones.remember_and_lock). Used means: a delivery, a text from it, a row of the ledger, a code
asked for, a code entered (which is how a session begins), a session ended.
"""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    or_,
    select,
    union_all,
    update,
)

from smsapp.delivery.states import ON_ITS_WAY
from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import (
    NUMBER_IS_HERE,
    Consent,
    ConsentEvidence,
    Delivery,
    Inbound,
    Phone,
    Verification,
)

log = logging.getLogger(__name__)

BATCH = 200
# What still waits for an end: its number is looked at again after this.
LOOK_AGAIN = timedelta(days=1)

_IDLE: tuple[ColumnElement[bool], ...] = (
    NUMBER_IS_HERE,  # type: ignore[assignment]  # text, so that it reads like the index's
    Phone.used_at < bindparam("cutoff"),
)
_TAKE = (
    select(Phone.phone_key, Phone.created_at, Phone.verified_at, Phone.sessions_since)
    .where(*_IDLE)
    .order_by(Phone.used_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_KEYS: BindParameter[str] = bindparam("phone_keys", expanding=True)
_USES = union_all(
    *(
        select(key, func.max(at)).where(key.in_(_KEYS)).group_by(key)
        for key, at in (
            (Delivery.phone_key, Delivery.created_at),
            (Inbound.phone_key, Inbound.received_at),
            (Verification.phone_key, Verification.started_at),
            (Consent.phone_key, Consent.at),
        )
    )
)
# Until it has expired, a receipt or its service may have it sent again.
_OPEN = select(Delivery.phone_key).where(
    Delivery.phone_key.in_(_KEYS),
    or_(Delivery.state.in_(ON_ITS_WAY), Delivery.expires_at > bindparam("now")),
)
_OF = Phone.phone_key.in_(_KEYS)
_FORGET = update(Phone).where(_OF).values(e164=None, forgotten_at=bindparam("now"))
_FORGET_EVIDENCE = delete(ConsentEvidence).where(ConsentEvidence.phone_key.in_(_KEYS))
_NOTE = (
    update(Phone).where(Phone.phone_key == bindparam("of")).values(used_at=bindparam("last_used"))
)


def count() -> int:
    """Return how many numbers are to be looked at: they may have been used since."""
    with reading() as conn:
        return conn.execute(
            select(func.count()).select_from(Phone).where(*_IDLE),
            {"cutoff": _cutoff(database_now(conn))},
        ).scalar_one()


def forget_unused() -> int:
    """Look at a batch of numbers and forget those not used; return how many were looked at.

    When a number was last used is worked out here, seldom, so that no use has to write it. The
    numbers are locked meanwhile: whoever is about to use one waits, and then writes it down again.
    """
    with db.engine.begin() as conn:
        now = database_now(conn)
        cutoff = _cutoff(now)
        rows = conn.execute(_TAKE, {"cutoff": cutoff}).all()
        if not rows:
            return 0
        keys = [row.phone_key for row in rows]
        used = _last_uses(conn, keys)
        for row in rows:
            times = (row.created_at, row.verified_at, row.sessions_since, used.get(row.phone_key))
            used[row.phone_key] = max(at for at in times if at)
        for key in conn.execute(_OPEN, {"phone_keys": keys, "now": now}).scalars():
            used[key] = max(used[key], cutoff + LOOK_AGAIN)
        idle = [key for key, at in used.items() if at < cutoff]
        kept = [{"of": key, "last_used": at} for key, at in used.items() if at >= cutoff]
        if kept:
            conn.execute(_NOTE, kept)
        if idle:
            conn.execute(_FORGET, {"phone_keys": idle, "now": now})
            conn.execute(_FORGET_EVIDENCE, {"phone_keys": idle})
    if idle:
        log.info("numbers forgotten", extra={"count": len(idle)})
    return len(rows)


def _last_uses(conn: Connection, keys: Collection[str]) -> dict[str, datetime]:
    used: dict[str, datetime] = {}
    for key, at in conn.execute(_USES, {"phone_keys": list(keys)}):
        used[key] = max(at, used.get(key, at))
    return used


def _cutoff(now: datetime) -> datetime:
    return now - timedelta(days=settings().phone_retention_days)
