"""E-mail addresses: what can be one, its one spelling, and what of it may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp import mail_address
from smsapp.mail_address import InvalidAddress, Mailbox


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.O'Neil+shop@EXAMPLE.co.uk", "Ann.O'Neil+shop@example.co.uk"),
        ("ann@münchen.example", "ann@xn--mnchen-3ya.example"),
    ],
)
def test_an_address_has_one_spelling(text, spelled):
    assert mail_address.parse(text) == spelled
    assert mail_address.parse(spelled) == spelled


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "ann@",
        "ann@localhost",
        "ann@example.com ",
        "ann@example.com\n",
        "ann@example.com\r\nBcc: bob@example.com",
        "ann@example.com,bob@example.com",
        "Ann <ann@example.com>",
        '"ann ann"@example.com',
        "ann@[127.0.0.1]",
        "änn@example.com",
        f"{'a' * 65}@example.com",
    ],
)
def test_what_is_no_address_is_refused_without_a_word_of_it(text):
    with pytest.raises(InvalidAddress) as refused:
        mail_address.parse(text)
    assert str(refused.value) == "must be an e-mail address such as ann@example.com"


@given(st.text() | st.text("ab.@ \r\n<>\"',", max_size=20))
def test_whatever_is_taken_is_one_line_of_ascii_with_one_at_sign(text):
    try:
        spelled = mail_address.parse(text)
    except InvalidAddress:
        return
    assert spelled.isascii()
    assert spelled.isprintable()
    assert spelled.count("@") == 1
    assert not set(spelled) & set(" <>,;")


def test_whom_a_mail_is_from_may_have_a_name():
    box = mail_address.parse_mailbox("Corner Books, Inc. <orders@EXAMPLE.com>")
    assert box == Mailbox("Corner Books, Inc.", "orders@example.com")
    assert str(box) == '"Corner Books, Inc." <orders@example.com>'
    assert box.domain == "example.com"
    assert str(mail_address.parse_mailbox("orders@example.com")) == "orders@example.com"


@pytest.mark.parametrize(
    ("address", "shown"),
    [("ann@example.com", "a…@e….com"), ("b@shop.co.uk", "b…@s….uk"), ("ann@x.de", "a…@x….de")],
)
def test_of_an_address_two_letters_and_its_end_are_shown(address, shown):
    assert mail_address.mask(address) == shown
