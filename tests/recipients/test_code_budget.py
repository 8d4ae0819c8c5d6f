"""All codes of all callers together cost no more than the budget."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from smsapp import errors
from smsapp.extensions import database_now, db, new_id
from smsapp.models import Channel, Phone, Verification
from smsapp.recipients import asker, code_budget, verification
from tests.conftest import ALICE, KEY, at_once, settings_of
from tests.fake_verify import VERIFY

SERVICE = asker.Asker("an API key", None)


def start(number, who=SERVICE):
    return verification.start(f"+1202555{number:04}", Channel.SMS, who)


@pytest.mark.parametrize(
    ("budget", "seconds"), [("VERIFY_BUDGET_PER_HOUR", 3600), ("VERIFY_BUDGET_PER_DAY", 86_400)]
)
def test_once_a_budget_is_spent_nobody_gets_a_code(app, verify, budget, seconds):
    with settings_of(app, **VERIFY, **{budget: "3"}):
        for number in range(3):
            start(number)
        for who in (SERVICE, asker.visitor("somebody", "192.0.2.0/32")):
            with pytest.raises(errors.BudgetSpent) as refused:
                start(9, who)
            assert seconds - 60 < refused.value.retry_after <= seconds + 1
    assert len(verify.sent) == 3
    assert (errors.BudgetSpent.code, errors.BudgetSpent.status) == ("verify_budget_spent", 503)


def test_codes_that_are_asked_for_at_once_are_counted_too(app, verify):
    def ask(number):
        with app.app_context(), suppress(errors.BudgetSpent):
            start(number)

    with settings_of(app, **VERIFY, VERIFY_BUDGET_PER_HOUR="3"):
        at_once(*(lambda number=number: ask(number) for number in range(8)))
    assert len(verify.sent) == 3


@given(
    ages=st.lists(st.integers(0, 7200), max_size=12),
    most=st.integers(1, 6),
)
def test_after_the_wait_there_is_room_and_a_second_before_there_is_none(shared_app, ages, most):
    """Ages in seconds, of codes that were sent before the budget was lowered too."""
    budget = code_budget.Budget(timedelta(hours=1), most)
    with shared_app.app_context(), db.engine.connect() as conn, conn.begin() as transaction:
        now = database_now(conn)
        phone = {"phone_key": KEY, "e164": ALICE, "country": "US", "created_at": now}
        conn.execute(insert(Phone).values(phone))
        for age in ages:
            conn.execute(
                insert(Verification).values(
                    id=new_id(),
                    phone_key=KEY,
                    prefix="+1202",
                    channel=Channel.SMS,
                    checks=0,
                    started_at=now - timedelta(seconds=age),
                )
            )
        free_at = code_budget._free_at(conn, budget, now)
        assert code_budget.sent(conn, budget, free_at) < most
        if free_at > now:
            assert code_budget.sent(conn, budget, free_at - timedelta(seconds=1)) >= most
        transaction.rollback()
