"""Who sees the shop typing: until it writes, or for 25 seconds."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from smsapp import clock
from smsapp.sandbox.database import Base
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.message import Message, Step

# Seconds.
SHOWN_FOR = 25.0


class Typing(Base):
    """A customer's address, and until when the shop is shown typing there."""

    __tablename__ = "whatsapp_typing"

    customer: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[float]


def start(desk: Desk, message: Message) -> None:
    """Show the shop typing to whoever sent `message`, which counts as read by that."""
    now = clock.now().timestamp()
    with desk.database.write() as db:
        db.merge(Typing(customer=message.customer, until=now + SHOWN_FOR))
        if not db.scalar(select(Step.id).where(Step.sid == message.sid, Step.status == "read")):
            db.add(Step(sid=message.sid, status="read", due_at=now, happened_at=now))
    desk.changed()


def is_shown(desk: Desk, customer: str) -> bool:
    """Return whether a customer sees the shop typing."""
    with desk.database.read() as db:
        typing = db.get(Typing, customer)
    return typing is not None and typing.until > clock.now().timestamp()


def stop(db: Session, customer: str) -> None:
    """End it, for a message has come."""
    db.execute(delete(Typing).where(Typing.customer == customer))


def stop_due(db: Session, now: float) -> bool:
    """End what has lasted long enough; return whether anything has."""
    ended = delete(Typing).where(Typing.until <= now).returning(Typing.customer)
    return bool(db.scalars(ended).all())


def next_end(db: Session) -> float | None:
    """Return when the next one ends by itself."""
    return db.scalar(select(func.min(Typing.until)))
