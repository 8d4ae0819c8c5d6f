"""Blanking the words of texts once nobody needs them any more; everything else about them stays.

A batch is one short transaction that skips rows which another process has locked. So any number of
processes may do this at once, and one that is killed leaves nothing half done.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, select, update

from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import BODY_IS_HERE, BODY_MAY_GO, Delivery, Inbound
from smsapp.retention import at_twilio, places

# Rows in one transaction, which takes some milliseconds.
BATCH = 500


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one direction.

    Attributes:
        id, at: The columns that name one, and say how old it is.
        blank: What its columns then hold.
        may_go: Whether a body may go; as text, word for word as in the index.
        messages: Returns the query for those of them that Twilio has.
    """

    id: Any
    at: Any
    blank: dict[str, Any]
    may_go: Any
    messages: Callable[[Collection[Any]], Select[Any]]

    def old(self, what: Any) -> Select[Any]:
        """Return the query for something of those that are past their time."""
        is_old = self.at < bindparam("cutoff")
        return select(what).select_from(self.id.class_).where(self.may_go, is_old)


# Only deliveries that have expired: no late receipt or look-up can have them sent again.
_MAY_GO = and_(BODY_MAY_GO, Delivery.expires_at <= bindparam("now"))
TO_CUSTOMERS = Texts(
    Delivery.id,
    Delivery.state_at,
    {"body": "", "metadata": None, "variables": None},
    _MAY_GO,
    at_twilio.of_deliveries,
)
FROM_CUSTOMERS = Texts(
    Inbound.sid, Inbound.received_at, {"body": ""}, BODY_IS_HERE, at_twilio.of_inbound
)


def count(texts: Texts) -> int:
    """Return how many of these texts are to be blanked now."""
    with reading() as conn:
        return int(conn.execute(texts.old(func.count()), _times(conn)).scalar_one())


def blank(texts: Texts) -> int:
    """Blank a batch of them, the oldest first; return how many."""
    with db.engine.begin() as conn:
        times = _times(conn)
        ids = list(conn.execute(_batch(texts), times).scalars())
        if ids:
            these = update(texts.id.class_).where(texts.id.in_(ids))
            conn.execute(these.values(texts.blank | {"blanked_at": times["now"]}))
            if texts is TO_CUSTOMERS:
                conn.execute(places.forget(ids))
            at_twilio.enqueue(conn, texts.messages(ids), times["now"])
            if texts is FROM_CUSTOMERS:
                at_twilio.forget_media(conn, at_twilio.of_inbound(ids), times["now"])
    return len(ids)


def _batch(texts: Texts) -> Select[Any]:
    oldest = texts.old(texts.id).order_by(texts.at).limit(BATCH)
    return oldest.with_for_update(skip_locked=True)


def _times(conn: Connection) -> dict[str, datetime]:
    now = database_now(conn)
    return {"now": now, "cutoff": now - timedelta(days=settings().body_retention_days)}
