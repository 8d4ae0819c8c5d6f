"""Files are called what people call them, and their size is a word, not a count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.trace import words_of_media


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (None, "size not known"),
        (1, "1 byte"),
        (525, "525 bytes"),
        (999, "999 bytes"),
        (2779, "2.8 kB"),
        (9_960, "10 kB"),
        (999_400, "999 kB"),
        (999_600, "1.0 MB"),
        (16_777_216, "17 MB"),
    ],
)
def test_a_size_is_said_in_few_digits(count, words):
    assert words_of_media.size(count) == words


@given(st.integers(min_value=0, max_value=10**9))
def test_no_size_is_said_as_a_thousand_of_a_smaller_unit(count):
    number, unit = words_of_media.size(count).split()
    assert unit == "MB" or float(number) < 1000


@pytest.mark.parametrize("content_type", ["audio/ogg; codecs=opus", "AUDIO/OGG"])
def test_a_type_is_known_however_it_is_written(content_type):
    assert words_of_media.title(content_type) == "Voice note"
    assert words_of_media.may_be_fetched(content_type)


@pytest.mark.parametrize("content_type", ["", "text/html", "image/svg+xml", "application/zip"])
def test_what_a_browser_or_a_program_would_run_is_not_handed_on(content_type):
    assert not words_of_media.may_be_fetched(content_type)
