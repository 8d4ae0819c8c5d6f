"""`1` and two digits, by text."""

import re

from smsapp.models import Incident
from tests.conftest import ALICE, settings_of
from tests.oncall.conftest import ANN, BEN, MINUTE, POLICY


def code_in(words):
    return re.search(r"reply (\d\d), or", words)[1]


def test_1_is_asked_back_where_it_may_mean_several_and_a_code_means_one(
    opens, works, replies, rows, crew
):
    opens("db")
    opens("web")
    codes = {re.search(r"(\w+) is down", words)[1]: code_in(words) for _, words in works()}
    (which,) = replies(ANN, "1")
    assert which.startswith("Which? Reply ")
    assert f"{codes['db']} db is down" in which
    assert replies(ANN, f"{codes['web']}.") == ["You have it: web is down."]
    assert replies(ANN, "1") == ["You have it: db is down."]
    assert {row.acknowledged_via for row in rows.all(Incident)} == {"reply"}


def test_99_takes_all(opens, works, replies, crew):
    for key in ("db", "web", "mail"):
        opens(key)
    works()
    (said,) = replies(ANN, "99")
    assert said.startswith("You have 3 incidents, the newest: ")


def test_who_is_late_hears_who_has_it_or_that_it_is_over(
    opens, works, passes, replies, resolves, crew
):
    opens()
    works()
    for minutes in (5, 5):
        passes(minutes * MINUTE + MINUTE)
        words = works()
    replies(BEN, code_in(words[0][1]))
    (late,) = replies(ANN, "1")
    assert re.fullmatch(r"Ben has had it since \d\d:\d\d: db is down\.", late)
    resolves()
    (over,) = replies(ANN, "1")
    assert re.fullmatch(r"It is over since \d\d:\d\d: db is down\.", over)


def test_a_code_of_nothing_takes_nothing(opens, works, replies, rows, crew):
    opens()
    ((_, words),) = works()
    other = "10" if code_in(words) != "10" else "11"
    assert replies(ANN, other) == [f"No incident of yours has the code {other}."]
    assert rows.one(Incident).state == "open"


def test_a_customer_is_not_answered_as_if_they_were_on_call(opens, works, replies, rows, crew):
    opens()
    works()
    assert replies(ALICE, "1") == []
    assert rows.one(Incident).state == "open"


def test_a_storm_is_bundled_and_taken_with_one_reply(
    app, opens, works, passes, replies, rows, crew
):
    with settings_of(app, ONCALL_POLICY=POLICY, ONCALL_STORM="3"):
        for number in range(10):
            opens(f"key-{number}")
        assert len(works()) == 3
        passes(MINUTE)
        ((name, words),) = works()
        assert name == "Ann"
        assert words.startswith("And 7 more: https://sms.example.com/incidents/")
        assert works() == []
        for number in range(10, 14):
            opens(f"key-{number}")
        works()
        (said,) = replies(ANN, "99")
        assert said.startswith("You have 14 incidents")
        passes(10 * MINUTE)
        assert works() == []
        assert {row.state for row in rows.all(Incident)} == {"acknowledged"}


def test_when_a_storm_is_over_that_is_told_in_a_text_or_two(opens, resolves, works, passes, crew):
    for number in range(4):
        opens(f"key-{number}")
    works()
    said = []
    for number in range(4):
        resolves(f"key-{number}", event_id=f"over-{number}-of-it")
        said += works()
    passes(MINUTE)
    said += works()
    assert said == [("Ann", "Over: key-0 is down."), ("Ann", "Over: key-3 is down, and 2 more.")]
