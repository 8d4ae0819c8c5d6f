"""The menu: whatever somebody presses, says or leaves, the call ends well."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsapp import phone_menu
from smsapp.voice import menu
from smsapp.voice.menu import MAX_STEPS
from tests.conftest import on_one_database
from tests.voice import snapshots
from tests.voice.conftest import verbs, words
from tests.voice.walking import CLOSED, EXAMPLE, KEYS, OPEN, Done, asks, ends_well, shop, ways_on

pytestmark = on_one_database


def walk(where, most_ways=None):
    """Go every way from the first word on, each place once; return the ends that were found.

    A place is an address with what was done there: what it answers depends on nothing else.
    """
    ends, seen = set(), set()
    first = ElementTree.fromstring(str(menu.begin(where)))
    todo = [(first, 0)]
    while todo:
        document, depth = todo.pop()
        assert depth <= MAX_STEPS + 3, "it goes around"
        ways = list(ways_on(document))[:most_ways]
        if not ways:
            assert ends_well(document), verbs(document)
            ends.add("goodbye")
        for tag in ("Dial", "Record"):
            if tag in verbs(document):
                ends.add(tag)
        for done, url in ways:
            if (done, url) not in seen:
                seen.add((done, url))
                todo.append((asks(where, url, done), depth + 1))
    return ends


def go(where, *did):
    """Do one thing after the other from the beginning; return what is said at the end."""
    document = ElementTree.fromstring(str(menu.begin(where)))
    for done in did:
        url = next(url for way, url in ways_on(document) if way == done)
        document = asks(where, url, done)
    return document


def keys(pressed):
    return [Done(keys=key) for key in pressed]


@pytest.mark.parametrize("now", [OPEN, CLOSED], ids=["open", "closed"])
def test_every_way_through_the_example_ends_and_none_goes_around(now):
    assert walk(shop(now)) == {"goodbye", "Record"} | ({"Dial"} if now is OPEN else set())


def test_each_branch_says_what_it_said_before():
    assert snapshots.branches() == snapshots.FILE.read_text("utf-8")


NAMES = st.sampled_from(["one", "two", "three"])
CHOICES = st.one_of(
    st.builds(lambda to: {"do": "menu", "to": to}, NAMES),
    st.builds(lambda to: {"do": "language", "to": to}, st.sampled_from(["en", "ko"])),
    st.sampled_from(["voicemail", "order_status", "repeat", "goodbye"]).map(lambda do: {"do": do}),
    st.just({"do": "dial", "to": "shop"}),
)
MENUS = st.builds(
    lambda choices, lost: {"say": {"en": "A", "ko": "B"}, "keys": choices, "lost": lost},
    st.dictionaries(st.sampled_from(KEYS), CHOICES, min_size=1, max_size=4),
    st.sampled_from(["voicemail", "goodbye"]),
)


@given(st.fixed_dictionaries({"one": MENUS, "two": MENUS, "three": MENUS}))
@settings(max_examples=15)
def test_so_does_every_way_through_any_menu(menus):
    file = {"start": "one", "languages": ["en", "ko"], "menus": menus}
    found = set(phone_menu.reached(menus, "one"))
    file["menus"] = {name: of for name, of in menus.items() if name in found}
    assert walk(shop(of=phone_menu.parse(file))) <= {"goodbye", "Record", "Dial"}


def test_silence_twice_is_led_to_the_voicemail_and_so_is_a_wrong_key():
    for did in ([Done(), Done()], keys("77"), [Done(keys="7"), Done()]):
        document = go(shop(), *did)
        assert words(document)[0] == "We could not help you this way."
        assert "Record" in verbs(document)


def test_a_wrong_key_and_silence_are_told_apart_and_listened_to_from_the_first_word():
    for done, said in (
        (Done(keys="7"), "That key has no meaning here."),
        (Done(), "We did not hear anything."),
        (Done(said="mumble mumble"), "We did not understand that."),
    ):
        document = go(shop(), done)
        assert verbs(document) == ["Gather", "Redirect"]
        assert words(document)[0] == said


def test_words_do_what_keys_do():
    assert words(go(shop(), Done(said="parcel"))) == words(go(shop(), *keys("1")))


def test_a_menu_within_a_menu_speaks_the_language_that_was_chosen():
    document = go(shop(), *keys("91"))
    assert words(document)[0].startswith("Um zu hören, wie eine Bestellung steht")
    say = next(document.iter("Say"))
    assert (say.get("language"), say.get("voice")) == ("de-DE", "Polly.Vicki-Neural")


def test_an_order_is_told_and_its_link_is_not():
    document = go(shop(), *keys("11"), Done(keys="1001"))
    assert words(document)[0] == "Your order 1 0 0 1 has shipped."


def test_an_order_that_is_not_theirs_is_nobodys_business():
    document = go(shop(), *keys("11"), Done(keys="77"))
    assert words(document)[0] == "We know of no order with this number of yours."


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled"])
def test_a_phone_that_nobody_answers_goes_on_to_the_voicemail(status):
    document = go(shop(), *keys("0"), Done(status=status))
    assert words(document)[0] == "Nobody can come to the phone right now."
    assert "Record" in verbs(document)


def test_phones_of_one_name_ring_together_and_only_as_long_as_no_machine_answers():
    dial = go(shop(), *keys("12")).find("Dial")
    assert [number.text for number in dial] == ["+12025550101", "+12025550102"]
    assert int(dial.get("timeout")) < 25


def test_out_of_hours_nobody_is_rung_and_it_says_when_somebody_is_there():
    document = go(shop(CLOSED), *keys("0"))
    assert words(document)[0].startswith("We are closed now. We open again on Thursday 12 February")
    assert "Record" in verbs(document)
    assert words(go(shop(), *keys("2")))[0] == "We are open now, until 12:30."


def test_what_is_said_can_be_written_down_in_english_alone():
    assert go(shop(), *keys("3")).find("Record").get("transcribe") == "true"
    assert go(shop(), *keys("93")).find("Record").get("transcribe") is None


def test_an_address_that_was_made_up_leads_to_a_place_that_there_is():
    place = shop().place("../../etc", "xx", -5, -1)
    assert (place.at, place.lang, place.miss, place.step) == ("welcome", "en", 0, 0)


def test_all_faults_of_a_file_are_told_at_once():
    with pytest.raises(ValueError) as told:
        phone_menu.parse(
            {
                "start": "nowhere",
                "languages": ["en", "de"],
                "hours": {"zone": "Mars", "mon": ["9-5"], "holidays": ["02-30"]},
                "menus": {
                    "only": {
                        "say": {"en": "Hello"},
                        "keys": {"1": {"do": "fly"}, "x": {"do": "menu"}, "2": {"do": "dial"}},
                    }
                },
            }
        )
    for fault in (
        "start: there is no menu “nowhere”",
        "hours.zone: must be a time zone such as Europe/Berlin",
        "hours.mon: must be hours such as 09:00-18:00",
        "hours.holidays: there is no such day",
        "menus.only.say: lacks de",
        "menus.only.keys.1.do: Input should be 'menu'",
        "menus.only.keys.x: is no key of a phone",
        "menus.only.keys.2: must say where to",
        "menus.only: nothing leads there",
    ):
        assert fault in str(told.value)


def test_the_example_names_its_own_phones():
    assert EXAMPLE.dials == {"shop", "orders"}
