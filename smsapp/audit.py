"""The audit trail: what was done in the console, by whom, to what, and why. It only grows."""

import logging
import uuid

from sqlalchemy import Connection, insert, select

from smsapp.extensions import database_now
from smsapp.logs import scrub
from smsapp.models import Act, Audit, Operator

log = logging.getLogger(__name__)

MAX_REASON = 200


def write(
    conn: Connection,
    operator_id: int,
    act: Act,
    phone_key: str,
    delivery_id: uuid.UUID | None = None,
    why: str | None = None,
) -> None:
    """Write down an act in the transaction that does it, and log it.

    A number that somebody types as their reason is blotted out: numbers live in one table.
    """
    conn.execute(
        insert(Audit).values(
            at=database_now(conn),
            operator_id=operator_id,
            act=act,
            phone_key=phone_key,
            delivery_id=delivery_id,
            why=why and scrub(why.replace("\0", ""))[:MAX_REASON],
        )
    )
    name = conn.scalar(select(Operator.name).where(Operator.id == operator_id))
    log.info(
        "console act",
        extra={
            "operator": name,
            "kind": act,
            "phone_key": phone_key,
            "delivery": delivery_id and str(delivery_id),
        },
    )
