"""What somebody can agree to be texted about, and the exact words they agree to.

A purpose is a row here. Change its words and its version together: the ledger keeps the words
that were shown, whatever this table says later.
"""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The words for one purpose as one shop shows them."""

    version: str
    text: str

    @property
    def hash(self) -> str:
        """Return what the ledger names them by."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Purpose:
    """Something to be texted about; `wording` has {shop} where the shop's name goes."""

    name: str
    title: str
    version: str
    wording: str

    def words(self, shop_name: str) -> Words:
        """Return the words as this shop shows them."""
        return Words(self.version, self.wording.format(shop=shop_name or "this shop"))


PURPOSES = {
    purpose.name: purpose
    for purpose in (
        Purpose(
            "order_updates",
            "Order updates",
            "1",
            "I agree that {shop} texts me about my orders: when they are packed, shipped, late "
            "or ready. I can reply STOP at any time.",
        ),
        Purpose(
            "appointment_reminders",
            "Appointment reminders",
            "1",
            "I agree that {shop} texts me to confirm my appointments and to remind me of them. "
            "I can reply STOP at any time.",
        ),
        Purpose(
            "incident_alerts",
            "Incident alerts",
            "1",
            "I agree that {shop} texts me when something I bought or use is unsafe or out of "
            "order. I can reply STOP at any time.",
        ),
        Purpose(
            "support",
            "Support",
            "1",
            "I agree that {shop} answers my questions by text. I can reply STOP at any time.",
        ),
    )
}

# What stands in the ledger where a service brought the consent along.
TOLD_BY_SERVICE = Words("api", "A service of the shop said that the customer had agreed.")
