"""Who must not be texted by whom, as Twilio itself keeps it."""

from smsapp import clock
from smsapp.sandbox.database import Database


class OptOuts:
    """Pairs of a customer and a sender of the shop's. They outlive a restart."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def holds(self, customer: str, sender: str) -> bool:
        """Return whether `customer` has told `sender` to stop."""
        with self._database.read() as db:
            found = db.execute(
                "SELECT 1 FROM opt_out WHERE customer = ? AND sender = ?", (customer, sender)
            ).fetchone()
        return found is not None

    def add(self, customer: str, sender: str) -> bool:
        """Stop a sender; return False if it was stopped before."""
        with self._database.write() as db:
            cursor = db.execute(
                "INSERT OR IGNORE INTO opt_out VALUES (?, ?, ?)",
                (customer, sender, clock.now().timestamp()),
            )
        return cursor.rowcount > 0

    def remove(self, customer: str, sender: str) -> bool:
        """Let a sender text again; return False if it was not stopped."""
        with self._database.write() as db:
            cursor = db.execute(
                "DELETE FROM opt_out WHERE customer = ? AND sender = ?", (customer, sender)
            )
        return cursor.rowcount > 0

    def clear(self) -> None:
        """Forget them all."""
        with self._database.write() as db:
            db.execute("DELETE FROM opt_out")
