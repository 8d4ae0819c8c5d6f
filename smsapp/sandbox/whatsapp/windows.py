"""Windows: for 24 hours after a customer wrote, the shop may write what it likes."""

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Mapped, Session, mapped_column

from smsapp import clock
from smsapp.sandbox.database import Base
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.message import Message

# Source: https://www.twilio.com/docs/whatsapp/key-concepts#the-24-hour-window
OPEN_FOR = timedelta(hours=24)


class Window(Base):
    """A customer's address, one of the shop's, and when the customer last wrote to it.

    It outlives the messages, which the page can clear.
    """

    __tablename__ = "whatsapp_window"
    __table_args__ = ({"sqlite_with_rowid": False},)

    customer: Mapped[str] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(primary_key=True)
    wrote_at: Mapped[float]


def open_by(db: Session, message: Message) -> None:
    """Open the window, or extend it, by a customer's message; the shop's own never do."""
    db.merge(
        Window(customer=message.customer, sender=message.to_number, wrote_at=message.created_at)
    )


def open_until(desk: Desk, customer: str) -> float | None:
    """Return when the window of a customer's address closes, or closed; None: they never wrote."""
    with desk.database.read() as db:
        window = db.get(Window, (customer, desk.config.sender_to(customer)))
    return window.wrote_at + OPEN_FOR.total_seconds() if window else None


def is_open(desk: Desk, customer: str) -> bool:
    """Return whether the shop may write what it likes."""
    return (open_until(desk, customer) or 0) > clock.now().timestamp()


def let_pass(desk: Desk, time: timedelta) -> None:
    """Let every window be so much older."""
    with desk.database.write() as db:
        db.execute(update(Window).values(wrote_at=Window.wrote_at - time.total_seconds()))
    desk.changed()
