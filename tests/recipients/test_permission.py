"""One rule for permission, held against a model of ten lines."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from smsapp import clock
from smsapp.delivery import stopping
from smsapp.extensions import db
from smsapp.models import ConsentAction, OptOut, OptOutSource, Reason
from smsapp.recipients import customers
from smsapp.recipients.customers import Visitor
from smsapp.recipients.permission import ConsentState, may_text

WORDS = ["grant", "withdraw", "STOP", "START", "erase"]
HISTORY = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(["a", "b"])), max_size=12)


def facts_of(history):
    """Return the facts that a history leaves in the database."""
    opted_out, rows, erased = False, [], False

    def write(purpose, action):
        rows.append(SimpleNamespace(purpose=purpose, action=action, seq=len(rows) + 1))

    for word, purpose in history:
        if word in {"STOP", "START"}:
            opted_out = word == "STOP"
        elif word == "erase":
            erased = True
            for name in ("a", "b"):
                write(name, ConsentAction.WITHDRAWN)
        else:
            action = ConsentAction.GRANTED if word == "grant" else ConsentAction.WITHDRAWN
            write(purpose, action)
    return ConsentState(opted_out, tuple(rows), erased)


def model(history, purpose):
    """Say the same in ten lines."""
    stopped, said = False, None
    for word, about in history:
        if word in {"STOP", "START"}:
            stopped = word == "STOP"
        elif word == "erase":
            said = "withdraw"
        elif about == purpose:
            said = word
    if stopped:
        return Reason.OPTED_OUT
    return Reason.CONSENT_WITHDRAWN if said == "withdraw" else None


@given(HISTORY, st.sampled_from(["a", "b"]))
def test_permission_is_what_the_model_says(history, purpose):
    assert may_text(facts_of(history), purpose).refusal == model(history, purpose)


def test_it_says_which_row_it_rests_on():
    facts = facts_of([("grant", "a"), ("grant", "b")])
    assert may_text(facts, "b").consent_seq == 2
    assert may_text(ConsentState(), "b").consent_seq is None


def test_a_number_that_is_not_listed_is_refused():
    assert may_text(ConsentState(is_listed=False), "a").refusal is Reason.NOT_ALLOWED


def test_a_number_that_we_no_longer_have_is_refused():
    assert may_text(ConsentState(is_known=False), "a").refusal is Reason.CONSENT_WITHDRAWN


@pytest.mark.parametrize("word", ["stop", "withdraw"])
def test_a_clock_that_is_set_back_does_not_overrun_a_stop(app, shop, twilio, rows, word):
    shop.ships()
    key = rows.delivery.phone_key
    with app.app_context():
        if word == "stop":
            stopping.stop(key, OptOutSource.TEXT)
        else:
            customers.withdraw(Visitor(key, None), ["order_updates"])
        with db.engine.begin() as conn:  # what was said lies a day ahead of the clock
            tomorrow = clock.now() + timedelta(days=1)
            conn.execute(update(OptOut).values(created_at=tomorrow))
    answer = shop.ships("order-1002-shipped", orderId="1002")
    assert answer.status_code == 409
