"""The carrier: it takes texts, moves them on, and writes the callbacks to be posted."""

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from smsapp import clock
from smsapp.sandbox.callbacks.callback import insert_callbacks, status_body
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.errors import CARRIER_ERRORS
from smsapp.sandbox.message import FINAL, Message, Receipt, Step, insert_message

# Seconds, as they are on a good day in one's own country.
TO_QUEUE, TO_SEND, TO_ARRIVE = (0.05, 0.2), (0.3, 1.0), (0.5, 2.0)
PRICE_PER_SEGMENT = 0.0075  # USD


def accept(desk: Desk, message: Message) -> Message:
    """Take one new text: from here it is on its way."""
    plan = _plan(desk, message)
    with desk.database.write() as db:
        insert_message(db, message, plan)
    desk.changed()
    return message


def _plan(desk: Desk, message: Message) -> list[Step]:
    """Return the statuses that a message is going to have."""
    pace, weather = desk.config.pace, desk.weather
    due, steps = message.created_at, list[Step]()
    if message.service_sid:
        due += weather.between(*TO_QUEUE) * pace
        steps.append(Step(sid=message.sid, status="queued", due_at=due))
    code = weather["carrier_error"] or None
    if code and not weather.strikes("carrier_error_share"):
        code = None
    end = CARRIER_ERRORS[code].status if code else "delivered"
    due += weather.between(*TO_SEND) * pace
    if end != "failed":
        steps.append(Step(sid=message.sid, status="sent", due_at=due))
        due += weather.between(*TO_ARRIVE) * pace
    return [*steps, Step(sid=message.sid, status=end, due_at=due, error_code=code)]


def move_due(desk: Desk, now: float) -> None:
    """Give every message the statuses that are due.

    Order is by step, so that two steps due at once still happen one after the other.
    """
    query = select(Step, Message).join(Message, Message.sid == Step.sid)
    query = query.where(Step.happened_at.is_(None), Step.due_at <= now)
    with desk.database.write() as db:
        due = db.execute(query.order_by(Step.due_at, Step.id).limit(500)).all()
        for step, message in due:
            _move(desk, db, message, step, now)
    desk.revision += bool(due)


def _move(desk: Desk, db: Session, message: Message, step: Step, now: float) -> None:
    step.happened_at = message.updated_at = now
    message.status, message.error_code = step.status, step.error_code
    message.from_number = message.from_number or desk.config.from_number
    if step.status in ("sent", "failed"):
        message.sent_at = now
    if step.status in FINAL - {"failed"}:
        message.price = f"-{PRICE_PER_SEGMENT * message.segments:.5f}"
    if message.callback_url and not desk.weather.strikes("lost_receipts"):
        due_at = [_receipt_due(desk, db, message, now)]
        if desk.weather.strikes("repeated_receipts"):
            due_at.append(due_at[0] + desk.weather.between(0.2, 1.0) * desk.config.pace)
        insert_callbacks(db, message, status_body(message, desk.config.account_sid, now), due_at)


def _receipt_due(desk: Desk, db: Session, message: Message, now: float) -> float:
    if message.status in FINAL or not desk.weather.strikes("reordered_receipts"):
        return now
    last = db.scalar(select(func.max(Step.due_at)).where(Step.sid == message.sid)) or now
    # After the last status has had time to be posted, however quick the pace.
    return max(now, last) + max(0.2, desk.config.pace)


def redact(desk: Desk, sid: str) -> None:
    """Empty a body for good."""
    with desk.database.write() as db:
        emptied = {"body": "", "updated_at": clock.now().timestamp()}
        db.execute(update(Message).where(Message.sid == sid).values(emptied))
    desk.changed()


def clear(desk: Desk) -> None:
    """Forget every text, and every callback still to be posted."""
    with desk.database.write() as db:
        for table in (Message, Step, Receipt):
            db.execute(delete(table))
    desk.changed()
