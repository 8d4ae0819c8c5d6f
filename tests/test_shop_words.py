"""The shop's own words: read once, whole, with every fault at once."""

import tomllib

import pytest

from smsapp import config
from smsapp.config import ConfigError
from smsapp.languages import NAMES
from smsapp.recipients.purposes import WAYS
from smsapp.shop_words import DEFAULT_FILE, PurposeWords
from tests.conftest import ENVIRONMENT

OURS = DEFAULT_FILE.read_text()


@pytest.fixture
def load(tmp_path):
    """Load settings with a file of words."""

    def run(text):
        file = tmp_path / "words.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return config.load(ENVIRONMENT | {"WORDS_FILE": str(file)}).words_file

    return run


def faults(load, text):
    with pytest.raises(ConfigError) as raised:
        load(text)
    return raised.value.faults


def test_what_a_copy_says_is_what_is_shown(load):
    words = load(OURS.replace("Order updates", "Orders").replace("up to 5", "one or\n two"))
    assert words.purposes.order_updates.title == "Orders"
    assert "That is one or two texts for each order." in words.purposes.order_updates.words


RATES = {
    "en": "essage and data rates may apply",
    "de": "Kosten für Nachrichten und Daten",
    "ko": "문자 및 데이터 요금",
    "hi": "SMS और डेटा शुल्क",
}


@pytest.mark.parametrize("language", NAMES)
def test_the_default_says_what_carriers_look_for_in_every_language(language):
    purposes = tomllib.loads(OURS)["purposes"]
    for purpose in (purposes[name] for name in purposes.keys() - WAYS):
        said = purpose if language == "en" else purpose[language]
        for needed in ("{shop}", RATES[language], "HELP", "STOP"):
            assert needed in said["words"].replace("\n", " ")


def test_every_language_may_have_words_of_its_own():
    assert set(PurposeWords.model_fields) - {"shown", "title", "words"} == set(NAMES) - {"en"}


def test_a_language_that_is_left_out_shows_the_shops_own_words(load):
    words = load(OURS.partition("[purposes.support.ko]")[0])
    assert words.purposes.support.said_in("de").title == "Kundendienst"
    assert words.purposes.support.said_in("ko").title == "Support"


def test_faults_of_other_languages_are_named_too(load):
    text = (
        OURS.replace('title = "Kundendienst"', 'title = " "')
        .replace("dass {shop} meine Fragen", "dass {wer} meine Fragen")
        .replace("[purposes.support.ko]", "[purposes.support.kr]")
    )
    assert faults(load, text) == [
        "WORDS_FILE: purposes.support.de.title: must not be blank",
        "WORDS_FILE: purposes.support.de.words: may have {shop} in it, and no other braces",
        "WORDS_FILE: purposes.support.kr is not a name that is known here",
    ]


def test_every_fault_is_said_at_once_and_none_shows_the_words(load):
    text = (
        OURS.replace('title = "Support"', 'title = ""')
        .replace("I agree that {shop} texts me about my orders", "I agree, {name}, secretly")
        .replace("incident_alerts]\nshown = false", "incident_alerts]\nshow = 1")
    )
    assert faults(load, text) == [
        "WORDS_FILE: purposes.order_updates.words: may have {shop} in it, and no other braces",
        "WORDS_FILE: purposes.incident_alerts.shown is not set",
        "WORDS_FILE: purposes.incident_alerts.show is not a name that is known here",
        "WORDS_FILE: purposes.support.title: must not be blank",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "WORDS_FILE: purposes is not set"),
        ("purposes =", "the file is not TOML"),
        (b"\xff", "the file is not UTF-8"),
        (OURS.replace("shown = true", "shown = false"), "shown must be true for one of them"),
        (OURS.replace("shown = true", "shown = 1"), "purposes.order_updates.shown"),
        (OURS.replace("{shop}", "{shop!r}"), "no other braces"),
        (OURS.replace("{shop}", "{"), "no other braces"),
        (OURS.replace('"Support"', '"\\u0000"'), "must not hold control characters"),
        (OURS.replace('"Support"', f'"{"x" * 41}"'), "purposes.support.title"),
        (OURS + "\n[purposes.marketing]\n", "purposes.marketing is not a name"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_reason(load, text, fault):
    assert any(fault in found for found in faults(load, text))
