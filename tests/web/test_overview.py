"""The console's overview says what the deliveries say."""

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from smsapp.models import AlarmKind, HourCount
from smsapp.providers.outcomes import Refused
from smsapp.watch import alarms, roll_up
from smsapp.watch.finding import Finding
from tests.conftest import ALICE, command
from tests.watch.conftest import texts

__all__ = ["texts"]  # a fixture

HOUR = timedelta(hours=1)


@pytest.fixture
def counted(app):
    def run():
        with app.app_context():
            roll_up.run(30)

    return run


def words(answer):
    """Return a page's words as one line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def tiles(answer):
    return {
        title: re.sub(r"<.*", "", figure)
        for title, figure in re.findall(r"<dt>([^<]+)</dt><dd>(.*?)</dd>", answer.text)
    }


def test_before_the_first_text_the_page_says_so(support):
    page = support.sees("/console/overview")
    assert page.status_code == 200
    assert "No texts in this range." in page.text
    assert "Nothing has ever failed." in page.text
    assert "No alarm is open." in page.text
    assert tiles(page)["Delivered"] == "0"


def test_it_counts_what_the_deliveries_say_without_inline_style_or_script(
    support, texts, now, counted
):
    texts(now, 1200)
    texts(now, 3, country="FR", state="undelivered", code=30003)
    texts(now, 1, country="FR", state="failed", code=30007)
    texts(now, 2, state="sent")
    texts(now, 1, state="pending")
    texts(now, 5, state="suppressed", reason="opted_out")
    counted()
    page = support.sees("/console/overview")
    found = tiles(page)
    assert (found["Delivered"], found["Failed"], found["Sent"]) == ("1,200", "4", "2")
    assert (found["Pending"], found["Unknown"], found["Suppressed"]) == ("1", "0", "5")
    assert not re.search(r"\sstyle=|<style|<script>|\son\w+=", page.text)
    said = words(page)
    assert "99.7 % of those that ended" in said
    assert re.search(r"FR 0 % 0 4 0", said)
    assert re.search(r"US 100 % 1,200 0 3", said)
    assert re.search(r"30003 The recipient's phone is switched off.* 3 30007", said)
    assert re.search(r"The number has opted out of all texts\. 5", said)


def test_each_kind_has_its_counts_under_its_title(support, texts, now, counted, rows):
    texts(now, 6)
    texts(now, 3, kind="order_ready")
    texts(now, 1, kind="order_ready", state="failed", code=30007)
    texts(now, 2, kind="order_ready", state="suppressed", reason="opted_out")
    texts(now, 1, kind="of_a_newer_release", state="sent")
    counted()
    said = words(support.sees("/console/overview"))
    assert "By kind Kind Chart of the rate Rate Accepted Delivered Failed" in said
    assert "Order ready 75.0 % 6 3 1 Order shipped 100 % 6 6 0 Of a newer release – 1 0 0" in said


def test_each_channel_has_its_counts(support, texts, now, counted, write):
    texts(now, 6)
    texts(now, 2, channel="whatsapp", state="read")
    texts(now, 1, channel="whatsapp", state="failed", code=63024)
    texts(now, 4, channel="email", state="sent")
    texts(now, 9, channel="test")
    counted()
    said = words(support.sees("/console/overview"))
    assert "By channel Channel Chart of the rate Rate Accepted Delivered Failed" in said
    assert "Text (SMS) 100 % 6 6 0 E-mail – 4 0 0 WhatsApp 66.7 % 3 2 1 By the channel" in said


def test_what_older_code_counted_is_said_to_have_no_kind_yet(support, texts, now, counted, write):
    texts(now, 3)
    counted()
    write(lambda _: update(HourCount).values(kind="", channel=""))
    said = words(support.sees("/console/overview"))
    assert "Not yet counted by kind 100 % 3 3 0" in said
    assert "Not yet counted by channel 100 % 3 3 0" in said
    counted()
    assert "Not yet counted by kind" not in words(support.sees("/console/overview"))


def test_a_range_holds_what_is_as_old(support, texts, now, counted):
    for age, count in ((timedelta(0), 1), (timedelta(days=6), 2), (timedelta(days=28), 4)):
        texts(now - age, count)
    texts(now - timedelta(days=31), 8)
    counted()
    found = {}
    for name in ("day", "week", "month", "year"):
        page = support.sees(f"/console/overview?range={name}")
        found[name] = (page.text.count("<g><title>"), tiles(page)["Delivered"])
    # There is no year: it is a day.
    assert found == {"day": (24, "1"), "week": (28, "3"), "month": (30, "7"), "year": (24, "1")}


def test_the_last_failures_name_their_cause_and_no_number(
    support, shop, twilio, counted, texts, now
):
    twilio.rejects(21211)
    shop.ships()
    page = support.sees("/console/overview")
    assert "Order shipped, order 1001" in page.text
    assert "21211" in words(page)
    assert ALICE not in page.text
    assert ALICE[-4:] in page.text


def test_an_open_alarm_stands_first_with_what_to_do(app, support):
    with app.app_context():
        facts = {"rate": 61.5, "sample": 26, "minutes": 60, "codes": [(30003, 10)]}
        alarms.write([Finding(AlarmKind.COUNTRY_RATE, "FR", facts)], [])
    said = words(support.sees("/console/overview"))
    assert "1 open alarm Of 26 texts to FR in 1 hour, only 61.5 % arrived." in said
    assert "30003 × 10" in said


def test_what_was_never_counted_is_not_shown_as_nothing(support, texts, now):
    texts(now - 3 * HOUR, 5)
    said = words(support.sees("/console/overview"))
    assert "which nobody has counted yet: a worker does" in said


def test_while_older_hours_are_counted_the_page_says_so(app, support, texts, now):
    texts(now - 20 * HOUR, 5)
    with app.app_context():
        roll_up.run(0.0)
    assert "Older hours are still being counted." in words(support.sees("/console/overview"))
    with app.app_context():
        roll_up.run(30)
    assert "Older hours" not in words(support.sees("/console/overview"))


def test_a_pause_and_its_reason_stand_before_the_figures(app, support):
    command(app, "sending", "pause", "--reason", "wrong link")
    page = words(support.sees("/console/overview"))
    assert "An operator paused all texts on" in page
    assert "“wrong link”" in page
    assert "flask sending resume" in page


def test_a_slower_pace_after_too_many_requests_is_named(support, shop, twilio):
    assert "too fast" not in support.sees("/console/overview").text
    twilio.answers += [Refused(429, 20429, None)] * 8
    shop.ships_many(8)
    page = words(support.sees("/console/overview"))
    assert "Twilio finds us too fast, so we send more slowly:" in page
    assert "rises again by itself" in page
