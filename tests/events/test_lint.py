"""The lint: what is to be said against a text before it is sent."""

import pytest

from smsapp.events.lint import warnings

GOOD = "Hill Shop: Your order 1001 has shipped. Tracking: https://hill.example/t/1001"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD, []),
        (GOOD.removeprefix("Hill Shop: "), ["SHOP_NAME"]),
        (GOOD.replace("https", "http"), ["https://"]),
        (GOOD.replace("hill.example", "bit.ly"), ["bit.ly"]),
        (GOOD.replace("hill.example", "WWW.TinyURL.com"), ["WWW.TinyURL.com"]),
        (GOOD.replace("hill.example", "orbit.ly"), []),
        (GOOD.replace("has shipped", "is FREE"), ["“FREE”"]),
        (GOOD.replace("has shipped", "is gluten-freedom"), []),
        (GOOD.replace("shipped.", "shipped!!!"), ["“!!”"]),
        ("Hill Shop: YOUR ORDER HAS SHIPPED TODAY", ["capitals"]),
        (GOOD.replace("has", "’s"), ["“’” makes every segment less than half as long: write '"]),
        (GOOD + " 🎉", ["leave it out"]),
        (GOOD.replace("order", "оrder"), ["“о”"]),  # Cyrillic
        ("Hill Shop: 주문 1001 상품이 발송되었습니다.", []),
        (GOOD + "x" * 300, ["3 segments"]),
        ("", ["SHOP_NAME"]),
    ],
)
def test_a_text_is_warned_of_for_each_fault_and_for_nothing_else(
    text: str, said: list[str]
) -> None:
    found = warnings(text, "Hill Shop")
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))


def test_only_a_first_text_has_to_say_how_to_stop() -> None:
    assert warnings(GOOD, "Hill Shop", is_first=True) == [
        "It is the first text to this number and does not say how to stop: “Reply STOP”."
    ]
    assert not warnings(f"{GOOD} Reply STOP to stop.", "Hill Shop", is_first=True)
