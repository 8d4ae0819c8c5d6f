"""One rule for permission, held against a model of ten lines."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from smsapp.models import ConsentAction, Reason
from smsapp.recipients.permission import Facts, may_text

START = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ["grant", "withdraw", "STOP", "START", "erase"]
HISTORY = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(["a", "b"])), max_size=12)


def facts_of(history):
    """Return the facts that a history leaves in the database, one step a minute."""
    opt_outs, rows, erased_at = [], [], None
    for minute, (word, purpose) in enumerate(history):
        at = START + timedelta(minutes=minute)
        in_force = bool(opt_outs) and opt_outs[-1][1] is None
        if word == "STOP" and not in_force:
            opt_outs.append((at, None))
        elif word == "START" and in_force:
            opt_outs[-1] = (opt_outs[-1][0], at)
        elif word in {"grant", "withdraw"}:
            action = ConsentAction.GRANTED if word == "grant" else ConsentAction.WITHDRAWN
            rows.append(SimpleNamespace(purpose=purpose, action=action, at=at, seq=len(rows) + 1))
        elif word == "erase":
            erased_at = at
            for name in ("a", "b"):
                seq = len(rows) + 1
                rows.append(
                    SimpleNamespace(purpose=name, action=ConsentAction.WITHDRAWN, at=at, seq=seq)
                )
    return Facts(tuple(opt_outs), tuple(rows), erased_at)


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
    now = START + timedelta(minutes=len(history))
    assert may_text(facts_of(history), purpose, now).refusal == model(history, purpose)


@given(HISTORY, st.sampled_from(["a", "b"]), st.integers(0, 12))
def test_permission_at_a_time_knows_nothing_of_what_came_later(history, purpose, minute):
    at = START + timedelta(minutes=minute)
    assert may_text(facts_of(history), purpose, at).refusal == model(history[: minute + 1], purpose)


def test_it_says_which_row_it_rests_on():
    facts = facts_of([("grant", "a"), ("grant", "b")])
    assert may_text(facts, "b", START + timedelta(hours=1)).consent_seq == 2
    assert may_text(Facts(), "b", START).consent_seq is None


def test_a_number_that_is_not_listed_is_refused():
    assert may_text(Facts(is_listed=False), "a", START).refusal is Reason.NOT_ALLOWED
