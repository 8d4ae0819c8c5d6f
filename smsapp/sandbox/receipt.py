"""Receipts as rows, and the rules for posting one again that its address carries."""

import sqlite3
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import parse_qsl, urldefrag, urlencode

from smsapp.sandbox.message import API_VERSION, Message

Outcome = Literal["ok", "ct", "rt", "4xx", "5xx"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A status callback, or a customer's text, to be posted. `token` stays in a repeat."""

    id: int
    sid: str
    status: str
    url: str
    body: str
    token: str
    tries: int
    first_try_at: float | None

    @property
    def inbound(self) -> bool:
        """Whether it is a customer's text."""
        return self.status == "received"

    def lane(self) -> str:
        """Return what keeps its order: one message's statuses, or one customer's texts."""
        return dict(parse_qsl(self.body))["From"] if self.inbound else self.sid


@dataclass(frozen=True, slots=True)
class Rules:
    """How patient Twilio is with one address: seconds, and which outcomes are tried again.

    Source: twilio.com/docs/usage/webhooks/webhooks-connection-overrides
    """

    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    total_time: float = 15.0
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})

    def again(self, outcome: Outcome, tries: int, spent: float) -> bool:
        """Return whether a receipt is tried again after `tries` tries in `spent` seconds."""
        wanted = outcome in self.retry_on or ("all" in self.retry_on and outcome != "ok")
        return wanted and tries <= self.retries and spent < self.total_time


def receipt_body(message: Message, account_sid: str, now: float) -> str:
    """Return a status callback's body, fields in Twilio's order."""
    fields: list[tuple[str, str]] = []
    if message.status in ("delivered", "undelivered"):
        # A carrier's own clock: to the minute, no time zone.
        fields.append(("RawDlrDoneDate", datetime.fromtimestamp(now, UTC).strftime("%y%m%d%H%M")))
    if message.error_code:
        fields.append(("ErrorCode", str(message.error_code)))
    fields += [
        ("SmsSid", message.sid),
        ("SmsStatus", message.status),
        ("MessageStatus", message.status),
        ("To", message.to_number),
        ("MessageSid", message.sid),
        ("AccountSid", account_sid),
    ]
    if message.from_number:
        fields.append(("From", message.from_number))
    return urlencode([*fields, ("ApiVersion", API_VERSION)])


def rules_of(url: str) -> Rules:
    """Read the connection overrides from an address: "…#ct=3000&rc=5&rt=1500&rp=all"."""
    given = dict(parse_qsl(urldefrag(url).fragment))
    default = Rules()
    return Rules(
        connect_timeout=_milliseconds(given.get("ct"), 100, 10_000, default.connect_timeout),
        read_timeout=_milliseconds(given.get("rt"), 100, 15_000, default.read_timeout),
        total_time=_milliseconds(given.get("tt"), 100, 15_000, default.total_time),
        retries=_number(given.get("rc"), 0, 5, default.retries),
        retry_on=frozenset(given["rp"].split(",")) if given.get("rp") else default.retry_on,
    )


def write_receipt(
    db: sqlite3.Connection, message: Message, body: str, due_at: float, token: str | None = None
) -> str:
    """Store one receipt to be posted at `due_at`; return its token."""
    token = token or str(uuid.uuid4())
    db.execute(
        "INSERT INTO receipt (sid, status, url, body, token, state, due_at)"
        " VALUES (?, ?, ?, ?, ?, 'due', ?)",
        (message.sid, message.status, message.callback_url, body, token, due_at),
    )
    return token


def _number(text: str | None, low: int, high: int, default: int) -> int:
    if text is None or not text.isdecimal():
        return default
    return min(max(int(text), low), high)


def _milliseconds(text: str | None, low: int, high: int, default: float) -> float:
    return _number(text, low, high, round(default * 1000)) / 1000
