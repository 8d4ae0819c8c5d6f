"""What is to be posted to the app, status callbacks and customers' texts, as rows."""

import sqlite3
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from smsapp.sandbox.message import API_VERSION, Message


@dataclass(frozen=True, slots=True)
class Callback:
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

    def order_key(self) -> str:
        """Return what keeps its order: one message's statuses, or one customer's texts."""
        return dict(parse_qsl(self.body))["From"] if self.inbound else self.sid


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a try has led to; `due_at`: when there is another, None for never."""

    callback: Callback
    first_try_at: float
    answer: str
    due_at: float | None


def status_body(message: Message, account_sid: str, now: float) -> str:
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


def insert_callback(
    db: sqlite3.Connection, message: Message, body: str, due_at: float, token: str | None = None
) -> str:
    """Store a callback to be posted at `due_at`; return its token."""
    token = token or str(uuid.uuid4())
    db.execute(
        "INSERT INTO receipt (sid, status, url, body, token, state, due_at)"
        " VALUES (?, ?, ?, ?, ?, 'due', ?)",
        (message.sid, message.status, message.callback_url, body, token, due_at),
    )
    return token


def take_due(db: sqlite3.Connection, now: float) -> list[Callback]:
    """Take what is to be posted by now, oldest first."""
    rows = db.execute(
        "UPDATE receipt SET state = 'posting' WHERE id IN (SELECT id FROM receipt"
        " WHERE state = 'due' AND due_at <= ? ORDER BY due_at, id LIMIT 500)"
        " RETURNING due_at, id, sid, status, url, body, token, tries, first_try_at",
        (now,),
    ).fetchall()
    return [Callback(*row) for _, *row in sorted(rows, key=lambda row: row[:2])]


def take_back(db: sqlite3.Connection) -> None:
    """Make due again what a crash left half posted."""
    db.execute("UPDATE receipt SET state = 'due' WHERE state = 'posting'")


def record_outcomes(db: sqlite3.Connection, outcomes: Iterable[Outcome]) -> None:
    """Write down what tries have led to."""
    db.executemany(
        "UPDATE receipt SET state = CASE WHEN ?1 IS NULL THEN 'done' ELSE 'due' END,"
        " due_at = coalesce(?1, due_at), tries = tries + 1, first_try_at = ?2, answer = ?3"
        " WHERE id = ?4",
        [(o.due_at, o.first_try_at, o.answer, o.callback.id) for o in outcomes],
    )
