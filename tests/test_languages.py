"""The languages: every catalogue is whole, and what it lacks is said in English."""

import re

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from smsapp import languages
from smsapp.languages import ENGLISH, FOLDER, NAMES
from tests.conftest import ROOT

OTHERS = [code for code in NAMES if code != ENGLISH.code]
# What stays as it is in every language: values, and the tags of pages.
KEPT = re.compile(r"%\(\w+\)s|%|<[^>]*>")


def catalogue(code: str) -> Catalog:
    with (FOLDER / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)


def ids(messages: Catalog) -> set[object]:
    return {message.id for message in messages if message.id}


@pytest.fixture(scope="module")
def said() -> Catalog:
    """Every message that the code and the templates have."""
    found = Catalog()
    how = [("**.py", "python"), ("**.html", "jinja2")]
    for folder in (ROOT / "smsapp", ROOT / "templates"):
        for _, _, message, _, _ in extract_from_dir(
            folder, how, options_map={"**.html": {"trimmed": "true", "silent": "false"}}
        ):
            found.add(message)
    return found


@pytest.mark.parametrize("code", OTHERS)
def test_a_catalogue_has_every_message_and_no_other(said: Catalog, code: str) -> None:
    assert ids(catalogue(code)) == ids(said)


@pytest.mark.parametrize("code", OTHERS)
def test_every_message_is_translated_with_all_its_values_and_tags(code: str) -> None:
    words = catalogue(code)
    for message in words:
        if not message.id:
            continue
        forms = message.string if message.pluralizable else [message.string]
        many = message.id[-1] if message.pluralizable else message.id
        assert len(forms) == (words.num_plurals if message.pluralizable else 1), message.id
        for form in forms:
            assert form, message.id
            assert sorted(KEPT.findall(form)) == sorted(KEPT.findall(many)), message.id
        assert not message.fuzzy, message.id


def test_what_a_catalogue_lacks_is_said_in_english() -> None:
    said = languages.of("ko").gettext("No catalogue has these %(count)s words.", count=5)
    assert said == "No catalogue has these 5 words."


@pytest.mark.parametrize(
    ("tag", "code", "locale"),
    [
        ("de", "de", "de"),
        ("DE-at", "de", "de_AT"),
        ("de-US", "de", "de"),  # nobody has written down how it is spoken there
        ("de-Latn-CH-1996", "de", "de_CH"),
        ("ko-KR-u-nu-latn", "ko", "ko_KR"),
        ("en-GB-oxendict", "en", "en_GB"),
        ("hi", "hi", "hi"),
        ("zh-Hant-TW", "en", "en"),
        ("deu", "en", "en"),
        ("x-de", "en", "en"),
        (None, "en", "en"),
    ],
)
def test_a_tag_means_the_language_where_we_have_it_and_else_english(tag, code, locale) -> None:
    found = languages.of(tag)
    assert (found.code, str(found.locale)) == (code, locale)


@pytest.mark.parametrize("tag", ["", "d", "de_AT", "de-", "-de", "german", "de-A", "de at", "ｄｅ"])
def test_what_is_no_tag_is_told_from_one(tag: str) -> None:
    assert not languages.is_tag(tag)


def test_things_in_a_row_are_said_as_each_language_does() -> None:
    rows = {code: languages.of(code).listed(["a", "b", "c"]) for code in NAMES}
    assert rows == {"en": "a, b and c", "de": "a, b und c", "ko": "a, b 및 c", "hi": "a, b, और c"}
