"""Segments: what the carrier bills."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsapp.segments import LOOK_ALIKES, Segments, beyond_gsm, count, smart

FAMILY = "👨‍👩‍👧‍👦"

# As Twilio's own calculator counts, without Smart Encoding.
VECTORS = [
    ("", "GSM-7", 0, 1),
    ("a" * 160, "GSM-7", 160, 1),
    ("a" * 161, "GSM-7", 161, 2),
    ("a" * 306, "GSM-7", 306, 2),
    ("a" * 307, "GSM-7", 307, 3),
    ("a" * 1600, "GSM-7", 1600, 11),
    ("€" * 80, "GSM-7", 160, 1),
    ("€" * 81, "GSM-7", 162, 2),
    ("a" * 159 + "€", "GSM-7", 161, 2),
    ("a" * 158 + "€", "GSM-7", 160, 1),
    ("a" * 152 + "€" + "a" * 160, "GSM-7", 314, 3),  # € does not fit in the first: 152 + 2 > 153
    ("{}[]~|^\\", "GSM-7", 16, 1),
    ("\f", "GSM-7", 2, 1),
    ("è£@¥ñΔ_Φ¡¿ÄÖÑÜ§äöñüà", "GSM-7", 20, 1),
    ("ça va", "UCS-2", 5, 1),
    ("Ça va", "GSM-7", 5, 1),
    ("déjà vu", "GSM-7", 7, 1),
    ("forêt", "UCS-2", 5, 1),
    ("`x`", "UCS-2", 3, 1),
    ("a\tb", "UCS-2", 3, 1),
    ("a\u00a0b", "UCS-2", 3, 1),
    ("it’s", "UCS-2", 4, 1),
    ("wait…", "UCS-2", 5, 1),
    ("9–10", "UCS-2", 4, 1),
    ("я" * 70, "UCS-2", 70, 1),
    ("я" * 71, "UCS-2", 71, 2),
    ("я" * 134, "UCS-2", 134, 2),
    ("я" * 135, "UCS-2", 135, 3),
    ("😀" * 35, "UCS-2", 70, 1),
    ("😀" * 36, "UCS-2", 72, 2),
    ("я" * 66 + "😀" + "я" * 10, "UCS-2", 78, 2),  # nor does a surrogate pair: 66 + 2 > 67
    ("a" * 69 + "😀", "UCS-2", 71, 2),
    ("a" * 68 + "😀", "UCS-2", 70, 1),
    (FAMILY, "UCS-2", 11, 1),
    (FAMILY * 7, "UCS-2", 77, 2),
    ("🇫🇷", "UCS-2", 4, 1),
    ("👍🏽", "UCS-2", 4, 1),
    ("e\u0301", "UCS-2", 2, 1),
    ("a\nb", "GSM-7", 3, 1),
    ("a\r\nb", "GSM-7", 4, 1),
    ("\r\n" * 80, "GSM-7", 160, 1),
    ("\r\n" * 81, "GSM-7", 162, 2),
]


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"), VECTORS, ids=[repr(v[0])[:20] for v in VECTORS]
)
def test_it_counts_as_twilio_does(text, encoding, units, segments):
    assert count(text) == Segments(encoding, units, segments)


@given(st.text(max_size=400), st.text(max_size=400))
@example("a" * 152, "€")
def test_a_longer_text_never_takes_fewer_segments(text, more):
    assert count(text + more).segments >= count(text).segments
    assert count(text + more).units >= count(text).units


@given(st.text(max_size=700))
@example("я" * 66 + "😀" + "я" * 66 + "😀")
def test_segments_are_as_few_as_their_units_allow_and_waste_one_each_at_most(text):
    counted = count(text)
    single, joined = (160, 153) if counted.encoding == "GSM-7" else (70, 67)
    assert (counted.segments == 1) == (counted.units <= single)
    if counted.segments > 1:
        assert counted.segments >= -(-counted.units // joined)
        assert counted.segments <= -(-counted.units // (joined - 1))


@given(st.text(max_size=100))
def test_units_are_septets_or_utf_16(text):
    counted = count(text)
    if counted.encoding == "UCS-2":
        assert counted.units == len(text.encode("utf-16-le")) // 2
    else:
        assert len(text) <= counted.units <= 2 * len(text)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("Ann’s Shop: it’s here", "Ann's Shop: it's here"),
        ("“Yes” – no…", '"Yes" - no...'),
        ("9\u00a0–\u00a010", "9 - 10"),
        ("plain", "plain"),
        ("é is GSM, so is Ç", "é is GSM, so is Ç"),
        ("Привет – “мир”", "Привет – “мир”"),  # it is UCS-2 in any case
        ("it’s 🎉", "it’s 🎉"),
        ("ça – va", "ça – va"),  # ç has no look-alike
        ("…" * 60, "…" * 60),  # 180 septets would be two segments
        ("it’s https://hill.example/`a", "it’s https://hill.example/`a"),  # nor is a link touched
        ("it’s https://hill.example/a", "it's https://hill.example/a"),
        ("", ""),
    ],
)
def test_look_alikes_are_written_only_where_that_saves_the_encoding(text: str, sent: str) -> None:
    assert smart(text) == sent


@given(st.text(st.sampled_from([*LOOK_ALIKES, *"aZ é€{🎉ç"])))
def test_smart_encoding_is_never_dearer_and_done_once(text: str) -> None:
    sent = smart(text)
    assert count(sent).segments <= count(text).segments
    assert smart(sent) == sent
    assert sent == text or not beyond_gsm(sent)


def test_what_makes_a_text_dearer_is_named_once() -> None:
    assert beyond_gsm("Ann’s Bob’s 🎉 – ok") == ["’", "🎉", "–"]


@given(st.text())
def test_a_text_is_ucs_2_for_certain_characters_alone(text):
    odd = beyond_gsm(text)
    assert (count(text).encoding == "UCS-2") == bool(odd)
    assert beyond_gsm("".join(c for c in text if c not in odd)) == []
