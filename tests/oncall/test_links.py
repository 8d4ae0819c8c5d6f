"""The link in a page asks before it acts, is good for a day, and can be made by nobody else."""

import re

import pytest
from itsdangerous import TimestampSigner
from time_machine import travel

from smsapp.models import Incident
from smsapp.oncall import links
from tests.oncall.conftest import MINUTE


@pytest.fixture
def link(opens, works, crew):
    """Where Ann's page leads: its path."""
    opens()
    ((_, words),) = works()
    return re.search(r"https://sms\.example\.com(\S+)", words)[1]


def test_to_look_is_not_to_take(client, link, rows, works):
    for method in (client.get, client.head, client.options):
        assert method(link).status_code == 200
    page = client.get(link)
    assert "I have it" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert rows.one(Incident).state == "open"


def test_the_button_takes_it_and_again_changes_nothing(client, link, rows, works):
    assert "You have had it since" in client.post(link).text
    first = rows.one(Incident)
    assert (first.state, first.acknowledged_by, first.acknowledged_via) == (
        "acknowledged",
        "Ann",
        "link",
    )
    again = client.post(link)
    assert (again.status_code, rows.one(Incident).acknowledged_at) == (200, first.acknowledged_at)
    assert works() == []


def test_a_link_replayed_once_it_is_over_opens_nothing_again(client, link, rows, resolves, opens):
    resolves()
    assert "It is over since" in client.post(link).text
    opens()
    client.post(link)
    assert sorted(row.state for row in rows.all(Incident)) == ["open", "resolved"]


def test_whoever_was_not_told_by_it_sees_who_has_it(client, link, replies, passes, works):
    replies("+12025550111", "1")
    assert "You have had it since" in client.get(link).text


def test_after_a_day_it_is_good_for_nothing(client, link, rows, now):
    with travel(now + links.GOOD_FOR + MINUTE, tick=False):
        assert client.get(link).status_code == client.post(link).status_code == 404
    assert rows.one(Incident).state == "open"


def test_a_forged_or_mangled_one_takes_nothing(app, client, link, rows):
    path, token = link.rsplit("/", 1)
    page_id, stamp, signature = token.split(".")
    other_key = TimestampSigner("another key", salt="page").sign(page_id).decode()
    with app.app_context():
        settings = app.extensions["settings"]
        other_salt = TimestampSigner(settings.page_key, salt="unsubscribe").sign(page_id).decode()
    forged = [
        other_key,
        other_salt,
        f"{int(page_id) + 1}.{stamp}.{signature}",
        f"{page_id}.{stamp}.{signature[:-1]}",
        f"{page_id}.{stamp[::-1]}.{signature}",
        page_id,
        "x",
        "%00",
    ]
    for one in forged:
        assert client.post(f"{path}/{one}").status_code == 404, one
        assert client.get(f"{path}/{one}").status_code == 404, one
    assert rows.one(Incident).state == "open"


def test_who_was_taken_out_takes_nothing_by_an_old_link(app, client, link, rows):
    from smsapp.oncall import people

    with app.app_context():
        people.remove(people.named("Ann"))
    assert client.post(link).status_code == 404
    assert rows.one(Incident).state == "open"


def test_all_that_is_open_to_them_can_be_taken_with_one_button(client, link, opens, works, rows):
    for key in ("web", "mail"):
        opens(key)
    works()
    page = client.get(link).text
    assert "Critical: web is down" in page
    client.post(link, data={"all": "yes"})
    assert {row.state for row in rows.all(Incident)} == {"acknowledged"}
