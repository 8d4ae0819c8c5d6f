"""What one receipt does to its attempt and its delivery. Rows are dicts, changed in place."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from smsapp.delivery import routes
from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.routes import Way
from smsapp.delivery.states import ARRIVED, FOLLOWS, after_receipt
from smsapp.models import (
    AttemptState,
    DeliveryState,
)
from smsapp.providers.twilio_errors import ErrorClass


def attempt_of(
    sid: str,
    attempt_id: uuid.UUID | None,
    attempts: dict[uuid.UUID, dict[str, Any]],
    by_sid: dict[str, dict[str, Any]],
) -> dict[str, Any] | None:
    """Return the attempt a receipt is of, or None for a stray.

    The id in a receipt's own URL outranks a SID that we only inferred from a text.
    """
    owner = by_sid.get(sid)
    # An attempt that we do not know was lost with a restore from a backup; its message may have
    # been found since.
    attempt = attempts.get(attempt_id, owner) if attempt_id else owner
    if attempt is None:
        return None
    if attempt["is_inferred"] and attempt is not owner:
        return attempt
    if owner is not None and owner is not attempt and not owner["is_inferred"]:
        return None
    return attempt if attempt["sid"] in (None, sid) else None


def take_back(owner: dict[str, Any], delivery: dict[str, Any]) -> None:
    """Let an attempt that was given another's message be unknown again."""
    owner |= {"sid": None, "attempt_state": AttemptState.UNKNOWN, "attempt_code": None}
    owner["is_inferred"] = False
    if not owner["is_old"]:
        delivery |= {"new_state": DeliveryState.UNKNOWN, "code": None}


def move(delivery: dict[str, Any], attempt: dict[str, Any]) -> bool:
    """Let a delivery follow its attempt; return whether that changed it."""
    is_newest = not attempt["is_old"]
    state = after_receipt(delivery["new_state"], attempt["attempt_state"], is_newest=is_newest)
    follows = FOLLOWS[attempt["attempt_state"]] is state and (is_newest or state in ARRIVED)
    code = attempt["attempt_code"] if follows else delivery["code"]
    if (state, code) == (delivery["new_state"], delivery["code"]):
        return False
    delivery |= {"new_state": state, "code": code, "new_due_at": None}
    return True


def try_again(
    conn: Connection,
    delivery: dict[str, Any],
    attempt: dict[str, Any],
    waits: tuple[timedelta, ...],
) -> Way | None:
    """Let a delivery wait for a new attempt where the carrier's trouble may pass.

    Or where its own words came too late for a window, and a template may do: the claim sees to it
    that it goes by one, so that this is once (windows.closed_for).

    Or go on over another channel, which is returned: at once where that trouble does not pass, and
    else after the first such attempt.
    """
    failed = delivery["new_state"] in {DeliveryState.UNDELIVERED, DeliveryState.FAILED}
    code, tried = attempt["attempt_code"], delivery["new_undelivered"]
    if not failed or not code:
        return None
    provider = CHANNELS[attempt["channel"]]
    meaning = provider.meaning(code)
    passes = meaning.error_class is ErrorClass.TRANSIENT
    if meaning.by_template and provider.has_window and attempt["template"] is None:
        delivery |= _pending(delivery["now"], undelivered=tried) | {"code": None}
        return None
    if meaning.elsewhere and (tried or not passes or not waits):
        way = routes.after(conn, attempt["route"], attempt["phone_key"], attempt["e164"])
        if way:
            delivery |= _pending(delivery["now"], undelivered=0) | {"code": None}
            return way
    if passes and tried < len(waits):
        delivery |= _pending(delivery["now"] + waits[tried], undelivered=tried + 1)
    return None


def _pending(due_at: datetime, undelivered: int) -> dict[str, Any]:
    return {
        "new_state": DeliveryState.PENDING,
        "new_due_at": due_at,
        "new_undelivered": undelivered,
        "new_tries": 0,
    }
