"""The one way to cancel a delivery that waits, whichever door it came through."""

import logging
import uuid

from sqlalchemy import Connection, bindparam, select, update

from smsapp.errors import NotFound, TooLate
from smsapp.extensions import database_now, db
from smsapp.models import Delivery, DeliveryState
from smsapp.recipients import phones

log = logging.getLogger(__name__)

_WHICH = Delivery.id == bindparam("of")
_NUMBER = select(Delivery.phone_key).where(_WHICH)
_STATE = select(Delivery.state).where(_WHICH)
_CANCEL = (
    update(Delivery)
    .where(_WHICH, Delivery.state == DeliveryState.PENDING)
    .values(state=DeliveryState.CANCELED, due_at=None)
)


def cancel(delivery_id: uuid.UUID, by: str) -> None:
    """Cancel a delivery for the service whose API key has this name; again changes nothing.

    Raises:
        NotFound: There is no such delivery.
        TooLate: It does not wait any more.
    """
    try:
        with db.engine.begin() as conn:
            phone_key = cancel_within(conn, delivery_id, by)
    except TooLate as late:
        if late.state is DeliveryState.CANCELED:
            return
        raise
    extra = {"delivery": str(delivery_id), "phone_key": phone_key, "api_key": by}
    log.info("canceled", extra=extra)


def cancel_within(conn: Connection, delivery_id: uuid.UUID, by: str | None = None) -> str:
    """Do so as a part of a transaction, which is then alone with the number; return its key."""
    which = {"of": delivery_id}
    phone_key = conn.scalar(_NUMBER, which)
    if phone_key is None:
        raise NotFound("There is no such delivery.")
    phones.lock(conn, [phone_key])
    now = database_now(conn)
    canceled = conn.execute(_CANCEL.values(state_at=now, canceled_by=by), which)
    if not canceled.rowcount:
        raise TooLate(conn.execute(_STATE, which).scalar_one())
    return str(phone_key)
