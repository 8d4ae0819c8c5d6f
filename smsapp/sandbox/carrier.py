"""The carrier: it takes texts, moves them on, and writes the callbacks to be posted."""

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from smsapp import clock
from smsapp.sandbox.callbacks.callback import insert_callbacks, status_body
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.errors import ERRORS_BY_CODE
from smsapp.sandbox.message import FINAL, Extra, Message, Receipt, Step, insert_message
from smsapp.sandbox.whatsapp import typing_indicator

# Seconds, as they are on a good day in one's own country.
TO_QUEUE, TO_SEND, TO_ARRIVE = (0.05, 0.2), (0.3, 1.0), (0.5, 2.0)
PRICE_PER_SEGMENT = 0.0075  # USD


def accept(desk: Desk, message: Message, code: int | None = None) -> Message:
    """Take one new message: from here it is on its way; with a code it is going to fail."""
    # What somebody has set the weather to comes first: they are waiting for it.
    plan = _plan(desk, message, _weather_code(desk, message) or code)
    with desk.database.write() as db:
        insert_message(db, message, plan)
    desk.changed()
    return message


def _weather_code(desk: Desk, message: Message) -> int | None:
    """Return the error that the weather holds for a message, if it strikes."""
    name = "whatsapp_error" if message.channel == "whatsapp" else "carrier_error"
    code = desk.weather[name]
    return code if code and desk.weather.strikes(f"{name}_share") else None


def _plan(desk: Desk, message: Message, code: int | None) -> list[Step]:
    """Return the statuses that a message is going to have."""
    pace, weather = desk.config.pace, desk.weather
    due, steps = message.created_at, list[Step]()
    if message.service_sid:
        due += weather.between(*TO_QUEUE) * pace
        steps.append(Step(sid=message.sid, status="queued", due_at=due))
    end = ERRORS_BY_CODE[code].status if code else "delivered"
    due += weather.between(*TO_SEND) * pace
    if end != "failed":
        steps.append(Step(sid=message.sid, status="sent", due_at=due))
        due += weather.between(*TO_ARRIVE) * pace
    return [*steps, Step(sid=message.sid, status=end, due_at=due, error_code=code)]


def move_due(desk: Desk, now: float) -> None:
    """Give every message the statuses that are due, and end what has been typed for long enough.

    Order is by step, so that two steps due at once still happen one after the other.
    """
    query = select(Step, Message).join(Message, Message.sid == Step.sid)
    query = query.where(Step.happened_at.is_(None), Step.due_at <= now)
    with desk.database.write() as db:
        due = db.execute(query.order_by(Step.due_at, Step.id).limit(500)).all()
        for step, message in due:
            _move(desk, db, message, step, now)
        ended = typing_indicator.stop_due(db, now)
    desk.revision += bool(due or ended)


def _move(desk: Desk, db: Session, message: Message, step: Step, now: float) -> None:
    step.happened_at = message.updated_at = now
    message.status, message.error_code = step.status, step.error_code
    message.from_number = message.from_number or desk.config.sender_to(message.customer)
    if step.status in ("sent", "failed"):
        message.sent_at = now
    if message.channel == "whatsapp":
        if step.status == "sent":
            typing_indicator.stop(db, message.customer)
    elif step.status in FINAL - {"failed"}:
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


def read(desk: Desk, customer: str) -> None:
    """Let a customer have read what WhatsApp has brought them, unless they tell nobody."""
    if desk.weather["read_receipts_off"]:
        return
    arrived = select(Message).where(Message.customer == customer, Message.status == "delivered")
    now = clock.now().timestamp()
    with desk.database.write() as db:
        unread = db.scalars(arrived.order_by(Message.seq)).all()
        for message in unread:
            step = Step(sid=message.sid, status="read", due_at=now)
            db.add(step)
            _move(desk, db, message, step, now)
    if unread:
        desk.changed()


def redact(desk: Desk, sid: str) -> None:
    """Empty a body for good."""
    with desk.database.write() as db:
        emptied = {"body": "", "updated_at": clock.now().timestamp()}
        db.execute(update(Message).where(Message.sid == sid).values(emptied))
    desk.changed()


def delete_media(desk: Desk, sid: str) -> None:
    """Delete the file that came with a message, for good."""
    with desk.database.write() as db:
        db.execute(update(Extra).where(Extra.sid == sid).values(media_sid=None, sample=None))
    desk.changed()


def clear(desk: Desk) -> None:
    """Forget every text, and every callback still to be posted."""
    with desk.database.write() as db:
        for table in (Message, Step, Receipt, Extra):
            db.execute(delete(table))
    desk.changed()
