"""Leases: one process at a time may send a delivery, and one that lapsed is never a re-send."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from smsapp.delivery import claiming, leases, outbox
from smsapp.models import Attempt, Delivery
from tests.delivery.deliveries import new


def lapsing(seconds):
    return replace(leases.rules(), lease=timedelta(seconds=seconds))


def test_a_lease_that_has_time_left_is_left_alone(conn):
    outbox.accept(conn, [new()])
    assert leases.lapse(conn) == 0
    assert conn.execute(select(Delivery.state)).scalar_one() == "sending"


def test_one_that_lapsed_makes_delivery_and_attempt_unknown_and_due_for_a_look_up(conn):
    outbox.accept(conn, [new(rules=lapsing(-1))])
    assert leases.lapse(conn) == 1
    row = conn.execute(
        select(
            Delivery.state, Delivery.lease_token, Delivery.check_at, Attempt.state, Attempt.trouble
        ).join(Attempt, Attempt.delivery_id == Delivery.id)
    ).one()
    assert (row[0], row[1], row[3], row[4]) == ("unknown", None, "unknown", "lease")
    assert row.check_at is not None


def test_what_lapsed_is_not_claimed_again(conn):
    outbox.accept(conn, [new(rules=lapsing(-1))])
    leases.lapse(conn)
    assert claiming.claim(conn, 10, leases.rules()) == []


def test_what_is_leased_is_not_claimed_by_another(conn):
    outbox.accept(conn, [new(send_now=False)])
    assert len(claiming.claim(conn, 10, leases.rules())) == 1
    assert claiming.claim(conn, 10, leases.rules()) == []


def test_each_claim_has_the_next_number_and_an_attempt_of_its_own(conn):
    outbox.accept(conn, [new(send_now=False)])
    (claim,) = claiming.claim(conn, 10, leases.rules())
    attempt = conn.execute(select(Attempt.id, Attempt.number, Attempt.source)).one()
    assert (
        tuple(attempt)
        == (claim.attempt_id, claim.number, "worker")
        == (claim.attempt_id, 1, "worker")
    )
