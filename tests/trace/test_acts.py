"""A reason is one that somebody else can read."""

import pytest

from smsapp.trace.acts import is_reason


@pytest.mark.parametrize(
    "why",
    [
        "the customer asked us to call",
        "ticket 4711",
        "wrong number?",
        "Rückruf gewünscht",
        "お客様から 電話で確認の依頼",
        "carrier asks which number, RT#118",
    ],
)
def test_a_reason_is_taken(why):
    assert is_reason(why)


@pytest.mark.parametrize(
    "why",
    [
        "",
        " " * 20,
        "asdf",
        "asdfghjklöä",
        "asdf asdf asdf",
        "xx xx xx xx xx",
        "aaaa bbbb cccc",
        "test test1 test2",
        "call",
        "1111111 1111112",
        "...........  !!",
        "a b c d e f g h",
    ],
)
def test_what_only_lets_past_is_none(why):
    assert not is_reason(why)
