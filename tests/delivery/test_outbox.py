"""Accepting: each event is one row, and from its commit on it is safe."""

import pytest
from sqlalchemy import select, update

from smsapp.delivery import outbox
from smsapp.extensions import database_now
from smsapp.models import Attempt, Delivery, OptOutSource
from smsapp.recipients import opt_out, phones
from tests.delivery.deliveries import new


def test_what_is_to_be_sent_now_is_leased_with_its_attempt_in_the_same_commit(conn):
    (accepted,) = outbox.accept(conn, [new()])
    delivery = conn.execute(select(Delivery.__table__)).one()
    attempt = conn.execute(select(Attempt.__table__)).one()
    assert (delivery.state, delivery.lease_token) == ("sending", accepted.claim.lease_token)
    assert (attempt.id, attempt.state) == (accepted.claim.attempt_id, "sending")


def test_what_a_worker_is_to_send_is_due_at_once_and_has_no_attempt(conn):
    (accepted,) = outbox.accept(conn, [new(send_now=False)])
    assert (accepted.state, accepted.claim) == ("pending", None)
    assert conn.execute(select(Delivery.due_at)).scalar_one() <= database_now(conn)
    assert conn.execute(select(Attempt.id)).all() == []


def test_a_repeat_is_the_same_delivery_and_says_whether_its_content_is(conn):
    (first,) = outbox.accept(conn, [new()])
    same, other = outbox.accept(conn, [new(), new(content_hash="1" * 64)])
    assert (same.delivery_id, same.is_duplicate, same.same_content) == (
        first.delivery_id,
        True,
        True,
    )
    assert (other.is_duplicate, other.same_content, other.claim) == (True, False, None)


def test_an_event_id_is_unique_for_its_kind_alone(conn):
    (first,) = outbox.accept(conn, [new()])
    (other,) = outbox.accept(conn, [new(kind="order_out_for_delivery")])
    assert other.delivery_id != first.delivery_id


@pytest.mark.parametrize("send_now", [True, False])
def test_who_opted_out_is_suppressed_and_never_leased(conn, send_now):
    row = new(send_now=send_now)
    now = database_now(conn)
    phones.remember(conn, {row.phone_key: row.e164}, now)
    opt_out.add(conn, row.phone_key, OptOutSource.OPERATOR, now)
    (accepted,) = outbox.accept(conn, [row])
    assert (accepted.state, accepted.reason, accepted.claim) == ("suppressed", "opted_out", None)


def test_a_repeat_after_all_attempts_were_spent_is_queued_again_with_a_fresh_allowance(conn):
    outbox.accept(conn, [new(send_now=False)])
    spent = {"state": "failed", "reason": "attempts_spent", "due_at": None, "tries": 5}
    conn.execute(update(Delivery).values(spent))
    (again,) = outbox.accept(conn, [new()])
    assert (again.is_duplicate, again.state) == (True, "pending")
    assert conn.execute(select(Delivery.tries)).scalar_one() == 0
