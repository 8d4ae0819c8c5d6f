"""What one receipt does to its attempt and its delivery. Rows are dicts, changed in place."""

import uuid
from datetime import timedelta
from typing import Any

from smsapp.delivery.channels import CHANNELS
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
    delivery: dict[str, Any], attempt: dict[str, Any], waits: tuple[timedelta, ...]
) -> None:
    """Let a delivery wait for a new attempt where the carrier's trouble may pass."""
    failed = delivery["new_state"] in {DeliveryState.UNDELIVERED, DeliveryState.FAILED}
    tried = delivery["new_undelivered"]
    code = attempt["attempt_code"]
    if not failed or not code or tried >= len(waits):
        return
    if CHANNELS[attempt["channel"]].meaning(code).error_class is ErrorClass.TRANSIENT:
        delivery |= {
            "new_state": DeliveryState.PENDING,
            "new_due_at": delivery["now"] + waits[tried],
            "new_undelivered": tried + 1,
            "new_tries": 0,
        }
