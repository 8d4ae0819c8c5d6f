"""What is to be posted to the app, status callbacks and customers' texts, as rows."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from smsapp.sandbox.desk import Desk
from smsapp.sandbox.message import API_VERSION, Message, Receipt
from smsapp.sandbox.whatsapp.receipts import status_fields

# Seconds between a customer's message and its repeat.
AGAIN = 0.2


def status_body(message: Message, account_sid: str, now: float) -> str:
    """Return a status callback's body, fields in Twilio's order."""
    if message.channel == "whatsapp":
        return urlencode(status_fields(message, account_sid))
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


def insert_callbacks(db: Session, message: Message, body: str, due_at: Sequence[float]) -> None:
    """Store a callback to be posted at these times, each time with the same token."""
    token = str(uuid.uuid4())
    for at in due_at:
        db.add(
            Receipt(
                sid=message.sid,
                status=message.status,
                url=message.callback_url,
                body=body,
                token=token,
                due_at=at,
            )
        )


def insert_inbound(db: Session, desk: Desk, message: Message, fields: Mapping[str, str]) -> None:
    """Store a customer's message to be posted, as the weather lets it."""
    if message.callback_url and not desk.weather.strikes("lost_inbound"):
        now, twice = message.created_at, desk.weather.strikes("repeated_inbound")
        due_at = [now, now + AGAIN * desk.config.pace] if twice else [now]
        insert_callbacks(db, message, urlencode(fields), due_at)


def take_due(db: Session, now: float) -> Sequence[Receipt]:
    """Take what is to be posted by now, oldest first."""
    query = select(Receipt).where(Receipt.state == "due", Receipt.due_at <= now)
    due = db.scalars(query.order_by(Receipt.due_at, Receipt.id).limit(500)).all()
    for receipt in due:
        receipt.state = "posting"
    return due


def take_back(db: Session) -> None:
    """Make due again what a crash left half posted."""
    db.execute(update(Receipt).where(Receipt.state == "posting").values(state="due"))
