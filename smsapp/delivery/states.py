"""Which states there are, which outrank which, and what a delivery makes of its attempts.

Pure: rows come in as values, moves go out as values.
"""

from smsapp.models import AttemptState, DeliveryState

# Receipts arrive in any order; only a higher rank moves an attempt. `unknown` has the rank of
# `sending`: any receipt settles it.
RANK = {
    AttemptState.SENDING: 0,
    AttemptState.UNKNOWN: 0,
    AttemptState.QUEUED: 1,
    AttemptState.SENT: 2,
    AttemptState.FAILED: 3,
    AttemptState.UNDELIVERED: 4,
    AttemptState.DELIVERED: 5,
    AttemptState.READ: 6,
}

# A delivery's state where its newest attempt decides.
FOLLOWS = {
    AttemptState.SENDING: DeliveryState.SENDING,
    AttemptState.UNKNOWN: DeliveryState.UNKNOWN,
    AttemptState.QUEUED: DeliveryState.SENT,
    AttemptState.SENT: DeliveryState.SENT,
    AttemptState.FAILED: DeliveryState.FAILED,
    AttemptState.UNDELIVERED: DeliveryState.UNDELIVERED,
    AttemptState.DELIVERED: DeliveryState.DELIVERED,
    AttemptState.READ: DeliveryState.READ,
}

ON_ITS_WAY = frozenset({DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.UNKNOWN})
ARRIVED = frozenset({DeliveryState.DELIVERED, DeliveryState.READ})
STOPPED = frozenset({DeliveryState.SUPPRESSED, DeliveryState.CANCELED, DeliveryState.EXPIRED})


def advance(
    state: AttemptState, code: int | None, reported: AttemptState, new_code: int
) -> tuple[AttemptState, int | None]:
    """Return an attempt's state and error code after a receipt.

    Args:
        state, code: What the attempt has, Twilio's error code being None for none.
        reported: How far the receipt says that it got.
        new_code: The error code in the receipt, 0 for none.

    Of two receipts with one status the higher code counts, so that their order doesn't.
    """
    if (RANK[reported], new_code) <= (RANK[state], code or 0):
        return state, code
    return reported, new_code or None


def after_receipt(
    delivery: DeliveryState, attempt: AttemptState, *, is_newest: bool
) -> DeliveryState:
    """Return a delivery's state once a receipt has moved one of its attempts to `attempt`.

    A delivery follows its newest attempt; but what arrived has arrived, by whichever attempt,
    and what was stopped on purpose stays stopped until it turns out to have arrived.
    """
    if attempt is AttemptState.READ or delivery is DeliveryState.READ:
        return DeliveryState.READ
    if attempt is AttemptState.DELIVERED or delivery is DeliveryState.DELIVERED:
        return DeliveryState.DELIVERED
    if delivery in STOPPED or not is_newest:
        return delivery
    return FOLLOWS[attempt]
