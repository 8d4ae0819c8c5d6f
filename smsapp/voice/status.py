"""What Twilio posts as a call goes on: its row follows, and of a call of ours it is a receipt."""

import uuid
from collections.abc import Mapping

from smsapp.delivery import receipts
from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.receipt_rows import HandledReceipt, IncomingReceipt
from smsapp.extensions import database_now, db, settings
from smsapp.models import CallDirection, Channel
from smsapp.providers.channel import Callback
from smsapp.voice import call_rows


def take(
    said: Callback, fields: Mapping[str, str], attempt_id: uuid.UUID | None
) -> tuple[IncomingReceipt, HandledReceipt] | None:
    """Let a call's row follow what Twilio says; return the receipt that it is of a call of ours.

    Args:
        said: What the callback says (Provider.read_callback).
        fields: All of it.
        attempt_id: From our own address; None for a call that came in.
    """
    took = _receipt(said, attempt_id) if attempt_id else None
    if said.account == settings().twilio_account_sid:
        _follow(said, fields, attempt_id, took[1].phone_key if took else None)
    return took


def _receipt(said: Callback, attempt_id: uuid.UUID) -> tuple[IncomingReceipt, HandledReceipt]:
    reported = IncomingReceipt(
        attempt_id, said.sid, said.status, said.code, account_sid=said.account
    )
    return reported, receipts.handle(reported)


def _follow(
    said: Callback, fields: Mapping[str, str], attempt_id: uuid.UUID | None, key: str | None
) -> None:
    with db.engine.begin() as conn:
        now = database_now(conn)
        if key:
            call_rows.begin(conn, said.sid, key, CallDirection.OUTBOUND, now, attempt_id)
        call_rows.move(
            conn,
            said.sid,
            fields.get("CallStatus", ""),
            _whole(fields.get("SequenceNumber")) or 0,
            now,
            _whole(fields.get("CallDuration")),
            (fields.get("AnsweredBy") or "")[:30] or None,
        )


def read(fields: Mapping[str, str]) -> Callback | None:
    """Return what a status callback about a call says; None where it cannot be read."""
    return CHANNELS[Channel.CALL].read_callback(fields)


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 9 else None
