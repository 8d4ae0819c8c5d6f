"""The carrier: it takes texts, moves them on, and writes the callbacks to be posted."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

from smsapp import clock, segments
from smsapp.sandbox.callbacks.callback import insert_callback, status_body
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.database import Database
from smsapp.sandbox.errors import CARRIER_ERRORS
from smsapp.sandbox.message import (
    FINAL,
    Direction,
    Message,
    insert_message,
    new_sid,
    record_status,
)
from smsapp.sandbox.weather import Weather

# Seconds, as they are on a good day in one's own country.
TO_QUEUE, TO_SEND, TO_ARRIVE = (0.05, 0.2), (0.3, 1.0), (0.5, 2.0)
PRICE_PER_SEGMENT = 0.0075  # USD


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A text that somebody asked Twilio to send, checked; `direction` says who."""

    to: str
    sender: str | None
    body: str
    service_sid: str | None = None
    callback_url: str | None = None
    direction: Direction = "outbound-api"


@dataclass(frozen=True, slots=True)
class Step:
    """A status that a message is going to have."""

    status: str
    due_at: float
    error_code: int | None = None


class Carrier:
    """Everything that happens to texts. `on_due` is told when something falls due."""

    def __init__(self, database: Database, config: SandboxConfig, weather: Weather) -> None:
        self._database = database
        self._config = config
        self._weather = weather
        self.on_due: Callable[[float], None] = lambda due_at: None
        # Changes with every change, so that a page can ask "anything new?" for next to nothing.
        self.revision = int(clock.now().timestamp() * 1000)

    def accept(self, request: SendRequest) -> Message:
        """Take one text: from here it is on its way."""
        now = clock.now().timestamp()
        message = Message(
            seq=0,
            sid=new_sid("SM"),
            direction=request.direction,
            customer=request.to,
            to_number=request.to,
            from_number=request.sender,
            service_sid=request.service_sid,
            body=request.body,
            segments=segments.count(request.body).segments,
            status="accepted" if request.service_sid else "queued",
            error_code=None,
            price=None,
            callback_url=request.callback_url,
            created_at=now,
            updated_at=now,
            sent_at=None,
        )
        plan = self._plan(request.service_sid, now)
        with self._database.write() as db:
            message = insert_message(db, message)
            db.executemany(
                "INSERT INTO step (sid, status, error_code, due_at) VALUES (?, ?, ?, ?)",
                [(message.sid, step.status, step.error_code, step.due_at) for step in plan],
            )
        self.changed(plan[0].due_at)
        return message

    def changed(self, due_at: float) -> None:
        """Tell the page that something is new, and the scheduler when there is something to do."""
        self.revision += 1
        self.on_due(due_at)

    def _plan(self, service_sid: str | None, due: float) -> list[Step]:
        pace, between = self._config.pace, self._weather.between
        steps = []
        if service_sid:
            due += between(*TO_QUEUE) * pace
            steps.append(Step("queued", due))
        code = self._weather["carrier_error"] or None
        if code and not self._weather.strikes("carrier_error_share"):
            code = None
        end = CARRIER_ERRORS[code].status if code else "delivered"
        due += between(*TO_SEND) * pace
        if end != "failed":
            steps.append(Step("sent", due))
            due += between(*TO_ARRIVE) * pace
        return [*steps, Step(end, due, code)]

    def move_due(self, now: float) -> None:
        """Give every message the statuses that are due.

        Order is by step, so that two steps due at once still happen one after the other.
        """
        with self._database.write() as db:
            due = db.execute(
                "DELETE FROM step WHERE id IN (SELECT id FROM step WHERE due_at <= ?"
                " ORDER BY due_at, id LIMIT 500) RETURNING id, sid, status, due_at, error_code",
                (now,),
            ).fetchall()
            for _, sid, status, due_at, code in sorted(due):
                self._move(db, sid, Step(status, due_at, code), now)
            self.revision += bool(due)

    def _move(self, db: sqlite3.Connection, sid: str, step: Step, now: float) -> None:
        row = db.execute("SELECT * FROM message WHERE sid = ?", (sid,)).fetchone()
        if row is None:
            return
        was = Message(*row)
        left = step.status in ("sent", "failed")
        price = f"-{PRICE_PER_SEGMENT * was.segments:.5f}" if step.status in FINAL else was.price
        message = replace(
            was,
            status=step.status,
            error_code=step.error_code,
            from_number=was.from_number or self._config.from_number,
            updated_at=now,
            sent_at=now if left else was.sent_at,
            price=price if step.status != "failed" else None,
        )
        db.execute(
            "UPDATE message SET status = ?, error_code = ?, from_number = ?, updated_at = ?,"
            " sent_at = ?, price = ? WHERE seq = ?",
            (
                message.status,
                message.error_code,
                message.from_number,
                message.updated_at,
                message.sent_at,
                message.price,
                message.seq,
            ),
        )
        record_status(db, message, now)
        if message.callback_url:
            self._write_callbacks(db, message, now)

    def _write_callbacks(self, db: sqlite3.Connection, message: Message, now: float) -> None:
        if self._weather.strikes("lost_receipts"):
            return
        pace = self._config.pace
        due_at = now
        if message.status not in FINAL and self._weather.strikes("reordered_receipts"):
            (last,) = db.execute(
                "SELECT max(due_at) FROM step WHERE sid = ?", (message.sid,)
            ).fetchone()
            # After the last status has had time to be posted, however quick the pace.
            due_at = max(now, last or now) + max(0.2, pace)
        body = status_body(message, self._config.account_sid, now)
        token = insert_callback(db, message, body, due_at)
        if self._weather.strikes("repeated_receipts"):
            again = due_at + self._weather.between(0.2, 1.0) * pace
            insert_callback(db, message, body, again, token)

    def redact(self, sid: str) -> None:
        """Empty a body for good."""
        with self._database.write() as db:
            db.execute(
                "UPDATE message SET body = '', updated_at = ? WHERE sid = ?",
                (clock.now().timestamp(), sid),
            )
            self.revision += 1

    def clear(self) -> None:
        """Forget every text, and every callback still to be posted."""
        with self._database.write() as db:
            for table in ("message", "history", "step", "receipt", "conversation"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above
            self.revision += 1
