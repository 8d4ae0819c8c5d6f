"""Forgetting numbers that nobody has used for PHONE_RETENTION_DAYS, and addresses with them.

Its opt-out and its consents stay under the phone's key, and if the number comes back, they hold
again (phones.remember_and_lock). A number is used by a delivery, a text from it, a call, a row of
the ledger, a code asked for or entered, and a session ended.
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
    Call,
    Consent,
    ConsentEvidence,
    Delivery,
    Inbound,
    OnCallPerson,
    Phone,
    Verification,
)
from smsapp.recipients import mail

log = logging.getLogger(__name__)

BATCH = 200
# A number with a delivery that may still be sent is looked at again after this.
LOOK_AGAIN = timedelta(days=1)

_IDLE: tuple[ColumnElement[bool], ...] = (
    NUMBER_IS_HERE,  # type: ignore[assignment]  # as text, word for word as in its index
    Phone.used_at < bindparam("cutoff"),
)
_IDLE_BATCH = (
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
            (Call.phone_key, Call.began_at),
            (Verification.phone_key, Verification.started_at),
            (Consent.phone_key, Consent.at),
        )
    )
)
# Until a delivery has expired, a receipt or its service may have it sent again; and whoever is on
# call is to be reached, however long nothing has been wrong.
_OPEN = union_all(
    select(Delivery.phone_key).where(
        Delivery.phone_key.in_(_KEYS),
        or_(Delivery.state.in_(ON_ITS_WAY), Delivery.expires_at > bindparam("now")),
    ),
    select(OnCallPerson.phone_key).where(
        OnCallPerson.phone_key.in_(_KEYS), OnCallPerson.left_at.is_(None)
    ),
)


def count() -> int:
    """Return how many numbers may be unused, as far as is written down: they are to be checked."""
    with reading() as conn:
        return conn.execute(
            select(func.count()).select_from(Phone).where(*_IDLE),
            {"cutoff": _cutoff(database_now(conn))},
        ).scalar_one()


def forget_unused() -> int:
    """Check a batch of numbers and forget those that were not used; return how many were checked.

    When a number was last used is found out here, so that no use of it has to write that down. The
    numbers are locked meanwhile: whoever wants to use one waits, and then writes the number itself
    down again (phones.remember_and_lock).
    """
    with db.engine.begin() as conn:
        now = database_now(conn)
        cutoff = _cutoff(now)
        rows = conn.execute(_IDLE_BATCH, {"cutoff": cutoff}).all()
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
            used_at = update(Phone).where(Phone.phone_key == bindparam("of"))
            conn.execute(used_at.values(used_at=bindparam("last_used")), kept)
        if idle:
            forget = update(Phone).where(Phone.phone_key.in_(idle))
            conn.execute(forget.values(mail.NONE | {"e164": None, "forgotten_at": now}))
            conn.execute(delete(ConsentEvidence).where(ConsentEvidence.phone_key.in_(idle)))
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
