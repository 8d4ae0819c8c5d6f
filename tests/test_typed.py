"""What people type and paste: nothing unseen comes along, and every script's digits count."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp import typed

UNSEEN = ["\u200b", "\u200e", "\u202a", "\u202c", "\u2060", "\u00ad", "\ufeff", "\ufe0f"]
DIGITS = st.characters(categories=["Nd"])


@given(st.text(DIGITS, min_size=4, max_size=10), st.sampled_from(UNSEEN))
def test_a_code_is_read_in_every_script_whatever_unseen_stands_in_it(digits, unseen):
    plain = "".join(str(unicodedata.decimal(c)) for c in digits)
    assert typed.code(unseen.join(digits)) == plain
    assert typed.clean(f"{unseen}{digits}{unseen}") == plain


@given(st.text())
def test_what_is_clean_stays_as_it_is_and_holds_nothing_unseen(text):
    clean = typed.clean(text)
    assert typed.clean(clean) == clean
    assert not any(unicodedata.category(c) == "Cf" for c in clean)


@given(st.text())
def test_a_code_is_ascii_digits_or_none(text):
    code = typed.code(text)
    assert code is None or (code.isascii() and code.isdigit() and 4 <= len(code) <= 10)


@pytest.mark.parametrize(
    "text",
    ["123 456", "123-456", " 123456\n", "１２３４５６", "١٢٣٤٥٦", "1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣", "\u202a123456\u202c"],
)
def test_a_code_is_read_as_people_type_it(text):
    assert typed.code(text) == "123456"


@pytest.mark.parametrize("text", ["", "12", "abcdef", "1" * 11, "\0", "１２"])
def test_what_cannot_be_a_code_is_none(text):
    assert typed.code(text) is None
