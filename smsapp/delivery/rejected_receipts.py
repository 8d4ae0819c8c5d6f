"""Receipts that moved nothing: repeats, and those that are not an attempt's own.

Nothing rests on them. They are written down for whoever asks what became of a text.
"""

import logging
import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from smsapp.extensions import database_now, db, new_id
from smsapp.models import Attempt, Ignored, Receipt, ReceiptSource, RejectedReceipt

log = logging.getLogger(__name__)

_INSERT = insert(RejectedReceipt)
_KNOWN = select(Receipt.attempt_id, Receipt.status, Receipt.error_code).where(
    Receipt.attempt_id.in_(bindparam("ids", expanding=True))
)


def write_repeats(conn: Connection, receipts: list[dict[str, Any]]) -> None:
    """Write down which of these receipts, not yet inserted, came before; cheap where none did.

    Args:
        conn: The transaction that inserts them.
        receipts: Rows for the receipt table, in the order they came.
    """
    known = {
        tuple(row) for row in conn.execute(_KNOWN, {"ids": [r["attempt_id"] for r in receipts]})
    }
    repeats = []
    for receipt in receipts:
        key = (receipt["attempt_id"], receipt["status"], receipt["error_code"])
        # What we ask Twilio ourselves is the same again and again.
        if key in known and receipt["source"] is not ReceiptSource.LOOK_UP:
            repeats.append(_row(*key, None, Ignored.REPEATED, receipt["received_at"]))
        known.add(key)
    if repeats:
        conn.execute(_INSERT, repeats)


def write(conn: Connection, reported: Iterable[Any], why: Ignored) -> None:
    """Write down receipts.IncomingReceipt that name an attempt of ours and are not its own.

    Those that name nothing of ours at all are in the log alone.
    """
    now = database_now(conn)
    conn.execute(
        _INSERT,
        [_row(row.attempt_id, row.status, row.error_code, row.sid, why, now) for row in reported],
    )


def write_other_account(reported: Any) -> None:
    """Write down a receipt that is another account's, where it names an attempt of ours."""
    fields = {"message_sid": reported.sid, "status": reported.status}
    log.warning("receipt of another account", extra=fields)
    with db.engine.begin() as conn:
        known = select(Attempt.id).where(Attempt.id == reported.attempt_id)
        if conn.execute(known).one_or_none():
            write(conn, [reported], Ignored.OTHER_ACCOUNT)


def _row(
    attempt_id: uuid.UUID,
    status: str,
    error_code: int,
    sid: str | None,
    why: Ignored,
    at: Any,
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "attempt_id": attempt_id,
        "status": status,
        "error_code": error_code,
        "sid": sid,
        "why": why,
        "received_at": at,
    }
