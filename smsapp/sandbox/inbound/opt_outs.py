"""Who must not be texted by whom, as Twilio itself keeps it."""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.sandbox.database import Base
from smsapp.sandbox.desk import Desk


class OptOut(Base):
    """A customer, and a sender whom they stopped; Twilio forgets none, so it outlives the texts."""

    __tablename__ = "opt_out"
    __table_args__ = ({"sqlite_with_rowid": False},)

    customer: Mapped[str] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[float]


_HELD = select(OptOut.at).where(
    OptOut.customer == bindparam("customer"), OptOut.sender == bindparam("sender")
)


def holds(desk: Desk, customer: str, sender: str | None = None) -> bool:
    """Return whether `customer` has told a sender to stop; by default the shop's number."""
    with desk.database.read() as db:
        pair = {"customer": customer, "sender": sender or desk.config.from_number}
        return db.execute(_HELD, pair).first() is not None
