"""The one way to stop texts to a number, whichever door it came through."""

import logging
from datetime import datetime

from sqlalchemy import Connection, bindparam, update

from smsapp.extensions import database_now, db
from smsapp.models import Delivery, DeliveryState, OptOutSource, Reason
from smsapp.recipients import opt_out, phones

log = logging.getLogger(__name__)

_SUPPRESS = (
    update(Delivery)
    .where(
        Delivery.phone_key == bindparam("stopped"),
        Delivery.state == DeliveryState.PENDING,
    )
    .values(
        state=DeliveryState.SUPPRESSED,
        state_at=bindparam("now"),
        reason=Reason.OPTED_OUT,
        due_at=None,
    )
    .returning(Delivery.id)
)


def stop(phone_key: str, source: OptOutSource, *, left_at: datetime | None = None) -> None:
    """Record an opt-out and suppress what waits for the number, in one commit.

    The number must be in the phone table. Doing it again changes nothing. A call that is in
    flight may still land; nothing is begun after the commit.

    Args:
        phone_key: Whose texts stop.
        source: Which door it came through.
        left_at: When the text left that Twilio reports it of; a START since then outranks it.
    """
    with db.engine.begin() as conn:
        phone_key = phones.current(conn, phone_key)
        phones.lock(conn, [phone_key])
        if left_at and opt_out.was_lifted_since(conn, phone_key, left_at):
            return
        stop_within(conn, phone_key, source, database_now(conn))


def stop_within(conn: Connection, phone_key: str, source: OptOutSource, now: datetime) -> None:
    """Do the same as a part of a transaction that is alone with the number (phones.lock)."""
    recorded = opt_out.add(conn, phone_key, source, now)
    suppressed = conn.execute(_SUPPRESS, {"stopped": phone_key, "now": now}).all()
    if recorded or suppressed:
        log.info(
            "opted out",
            extra={"phone_key": phone_key, "source": source, "suppressed": len(suppressed)},
        )
