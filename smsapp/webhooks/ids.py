"""The ids that callers know webhooks by: "msg_" and 32 hex digits, the same at every try."""

import re
import uuid

PATTERN = "^msg_[0-9a-f]{32}$"


def message_id(of: uuid.UUID) -> str:
    """Return a webhook's id as callers have it."""
    return f"msg_{of.hex}"


def read_message_id(text: str) -> uuid.UUID | None:
    """Return the id of a webhook; None for what is none."""
    return uuid.UUID(hex=text.removeprefix("msg_")) if re.fullmatch(PATTERN, text) else None
