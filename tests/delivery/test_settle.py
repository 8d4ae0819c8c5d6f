"""Settling: what the outcome of a call makes of its delivery and its attempt."""

import pytest
from sqlalchemy import select, update

from smsapp.delivery import outbox
from smsapp.delivery.call_results import CallResult
from smsapp.delivery.settle import settle
from smsapp.extensions import database_now, new_id
from smsapp.models import Attempt, Delivery, Sender
from smsapp.providers.messages import Sent
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from tests.conftest import sid
from tests.delivery.deliveries import new

# (outcome, the delivery's state and reason, tries spent, the attempt's state)
SENT = (Sent(sid(1), "queued", 1), "sent", None, 1, "queued")
OUTCOMES = {
    "taken": SENT,
    "refused for good": (Refused(400, 21211, None), "failed", "rejected", 1, "failed"),
    "one too fast": (Refused(429, 20429, None), "pending", None, 0, "failed"),
    "refused for now": (Refused(400, 30410, None), "pending", None, 1, "failed"),
    "opted out at Twilio": (Refused(400, 21610, None), "suppressed", "opted_out", 1, "failed"),
    "our own fault": (Refused(401, 20003, None), "pending", None, 0, "failed"),
    "nothing was written": (Unwritten("dns"), "pending", None, 0, "failed"),
    "nobody knows": (Unknown("timeout", None, None), "unknown", None, 1, "unknown"),
}


@pytest.fixture
def claim(conn):
    """A delivery that is being sent."""
    (accepted,) = outbox.accept(conn, [new()])
    return accepted.claim


def columns(conn, model, *names):
    return tuple(conn.execute(select(*(getattr(model, name) for name in names))).one())


@pytest.mark.parametrize(
    ("outcome", "state", "reason", "tries", "attempt"), OUTCOMES.values(), ids=OUTCOMES
)
def test_each_outcome_has_one_consequence(conn, claim, outcome, state, reason, tries, attempt):
    (settlement,) = settle(conn, [CallResult(claim, outcome)])
    assert settlement.state == state
    assert columns(conn, Delivery, "state", "reason", "tries") == (state, reason, tries)
    assert columns(conn, Delivery, "lease_token", "lease_until") == (None, None)
    assert columns(conn, Attempt, "state", "sid") == (attempt, sid(1) if state == "sent" else None)


@pytest.mark.parametrize("name", [name for name in OUTCOMES if name != "taken"])
def test_whose_lease_another_holds_by_now_moves_nothing(conn, claim, name):
    conn.execute(update(Delivery).values(lease_token=new_id()))
    settle(conn, [CallResult(claim, OUTCOMES[name][0])])
    assert columns(conn, Delivery, "state", "tries") == ("sending", 1)


def test_the_sid_is_kept_whatever_became_of_the_lease(conn, claim):
    now = database_now(conn)
    ended = {"state": "delivered", "state_at": now, "lease_token": None, "lease_until": None}
    conn.execute(update(Delivery).values(ended))
    conn.execute(update(Attempt).values(state="delivered"))
    settle(conn, [CallResult(claim, SENT[0])])
    assert columns(conn, Delivery, "state") == ("delivered",)
    assert columns(conn, Attempt, "state", "sid") == ("delivered", sid(1))


def test_our_own_fault_opens_the_circuit_breaker_once(conn, claim):
    refused = Refused(401, 20003, None)
    (settlement,) = settle(conn, [CallResult(claim, refused)])
    assert settlement.held.news
    assert columns(conn, Sender, "name", "held_code") == (claim.sender, 20003)
    (second,) = outbox.accept(conn, [new(2)])
    assert second.claim is None  # while it is open, nothing is leased
