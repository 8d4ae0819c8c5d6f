"""One text as the carrier keeps it, a row with its past, and as Twilio shows it."""

import secrets
import sqlite3
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal

from smsapp.sandbox.errors import CARRIER_ERRORS

API_VERSION = "2010-04-01"
# Twilio's own, and three that only the phone page tells apart: Twilio's answer to a keyword,
# and Verify's texts and calls.
Direction = Literal[
    "outbound-api", "outbound-reply", "inbound", "keyword-reply", "verify-sms", "verify-call"
]
# What Verify sends is not in the account's own list of messages.
OF_VERIFY = ("verify-sms", "verify-call")
FINAL = frozenset({"delivered", "undelivered", "failed", "received"})


@dataclass(frozen=True, slots=True)
class Message:
    """A row of `message`, column for column: `Message(*row)` reads a `SELECT *`.

    `customer` is the number that is not the shop's.
    """

    seq: int
    sid: str
    direction: Direction
    customer: str
    to_number: str
    from_number: str | None
    service_sid: str | None
    body: str
    segments: int
    status: str
    error_code: int | None
    price: str | None
    callback_url: str | None
    created_at: float
    updated_at: float
    sent_at: float | None

    @property
    def is_code(self) -> bool:
        """Whether Verify sent it."""
        return self.direction in OF_VERIFY

    def as_twilio(self, account_sid: str) -> dict[str, object]:
        """Return Twilio's JSON: counts and prices are strings, the error code is a number."""
        uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{self.sid}"
        error = CARRIER_ERRORS.get(self.error_code or 0)
        # Until a Messaging Service has picked a sender, nothing is known about either.
        unassigned = self.from_number is None
        return {
            "sid": self.sid,
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.updated_at),
            "date_sent": None if self.sent_at is None else rfc2822(self.sent_at),
            "account_sid": account_sid,
            "to": self.to_number,
            "from": self.from_number,
            "messaging_service_sid": self.service_sid,
            "body": self.body,
            "status": self.status,
            "num_segments": "0" if unassigned else str(self.segments),
            "num_media": "0",
            "direction": "outbound-reply" if self.direction == "keyword-reply" else self.direction,
            "api_version": API_VERSION,
            "price": self.price,
            "price_unit": None if self.service_sid else "USD",
            "error_code": self.error_code,
            "error_message": error.words if error else None,
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }

    def as_json(self) -> dict[str, object]:
        """Return what `GET /messages.json` promises to tests."""
        return {
            "sid": self.sid,
            "to": self.to_number,
            "from": self.from_number,
            "body": self.body,
            "status": self.status,
            "errorCode": self.error_code,
            "createdAt": iso8601(self.created_at),
        }


def insert_message(db: sqlite3.Connection, message: Message) -> Message:
    """Write a new message down as the newest of its conversation; return it with its number."""
    values = astuple(message)[1:]
    marks = ", ".join("?" * len(values))
    seq = db.execute(f"INSERT INTO message VALUES (NULL, {marks})", values).lastrowid or 0  # noqa: S608 - question marks
    db.execute(
        "INSERT INTO conversation (number, last_seq, texts) VALUES (?, ?, 1) ON CONFLICT (number)"
        " DO UPDATE SET last_seq = excluded.last_seq, texts = texts + 1",
        (message.customer, seq),
    )
    record_status(db, message, message.created_at)
    return replace(message, seq=seq)


def record_status(db: sqlite3.Connection, message: Message, now: float) -> None:
    """Add a message's status to its past."""
    db.execute(
        "INSERT INTO history (sid, status, at) VALUES (?, ?, ?)", (message.sid, message.status, now)
    )


def new_sid(prefix: str) -> str:
    """Return a SID: "SM" for a message, and 32 hex digits."""
    return prefix + secrets.token_hex(16)


def rfc2822(at: float) -> str:
    """Return a time as the 2010 API writes it: "Sat, 11 Jul 2020 12:57:05 +0000"."""
    return format_datetime(_utc(at))


def iso8601(at: float) -> str:
    """Return a time as the contract writes it: "2020-07-11T12:57:05.250000Z"."""
    return _utc(at).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
