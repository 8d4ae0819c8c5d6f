"""JSON logs, one line per step, that cannot hold a phone, a body, a code or a token.

A record may carry only the fields named here; its text is constant. What other libraries write
is scrubbed, and of an exception only its type and where it was raised are kept: the text of a
database error holds the row, and that of a provider's error a number.
"""

import json
import logging
import re
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

# What a line may say beside its text. Keys of phones may stand in logs, numbers never.
FIELDS = (
    "api_key",
    "delivery",
    "event_id",
    "kind",
    "to",
    "country",
    "phone_key",
    "attempt",
    "message_sid",
    "twilio_code",
    "trouble",
    "error_class",
    "status",
    "state",
    "taken",
    "reason",
    "answer",
    "source",
    "suppressed",
    "deliveries",
    "sender",
    "worker",
    "method",
    "route",
    "http_status",
    "ms",
    "error",
    "scopes",
    "address",
)

# A number as people and programs write it: "+1 555 867 5310", "%2B15558675310", "(555) 867-5310",
# "0044 20 7946 0958": seven digits or more with at most two separators between any two.
_NUMBER = re.compile(r"(?:\+|%2B)?\(?\d(?:(?:%20|[ ()./\-+]){0,2}\d){6,}", re.IGNORECASE)
# An event id is a caller's own word, and may be a run of digits; one with a plus is a number.
_PLUS_NUMBER = re.compile(r"(?:\+|%2B)\d{7,15}", re.IGNORECASE)
# Identifiers of ours and Twilio's, which hold long runs of digits and are safe.
_SAFE = re.compile(
    r"\b[A-Z]{2}[0-9a-f]{32}\b"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\b[0-9a-f]{64}\b"
)
_OURS = "smsapp"

# Set anew at the start of each request; every line written on its behalf carries it.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def scrub(text: str) -> str:
    """Return a text of somebody else's with everything blotted out that may be a number."""
    kept: list[str] = []
    end = 0
    for safe in _SAFE.finditer(text):
        kept += [_NUMBER.sub("[number]", text[end : safe.start()]), safe.group()]
        end = safe.end()
    return "".join([*kept, _NUMBER.sub("[number]", text[end:])])


class JsonFormatter(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; `message` of our own records is their constant text."""
        ours = record.name.partition(".")[0] == _OURS
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": str(record.msg) if ours else scrub(record.getMessage()),
        }
        if request := request_id.get():
            line["request_id"] = request
        for name in FIELDS:
            value = record.__dict__.get(name)
            if value is not None:
                line[name] = _PLUS_NUMBER.sub("[number]", value) if name == "event_id" else value
        if record.exc_info and record.exc_info[0]:
            line["exception"] = _where(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str)


def _where(error: BaseException | None) -> list[str]:
    """Return an exception's type and place, and those of what caused it; never its text."""
    if error is None:
        return []
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [*_where(cause), f"{type(error).__module__}.{type(error).__qualname__}", *places]


def set_up(stream: TextIO | None = None) -> None:
    """Send every logger's records to one stream (standard error) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # They write whole requests, with the number in the query.
    for name in ("twilio", "twilio.http_client", "urllib3", "requests", "werkzeug"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It tells how it is set up each time somebody asks /readyz.
    logging.getLogger("alembic").setLevel(logging.WARNING)
