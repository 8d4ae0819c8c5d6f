"""Every kind of event is one that support can find and send again."""

from datetime import timedelta

import pytest

from smsapp.events.kinds import KINDS
from smsapp.extensions import settings
from smsapp.languages import ENGLISH
from smsapp.recipients.purposes import PURPOSES, shown
from tests.conftest import settings_of


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_says_for_how_long_it_matters(app, kind):
    with settings_of(app, ORDER_SHIPPED_MAX_AGE_HOURS="3"), app.app_context():
        assert timedelta(0) < kind.max_age(settings()) <= timedelta(hours=3)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_has_a_purpose_that_people_can_agree_to(kind):
    assert kind.purpose in PURPOSES


def test_people_are_asked_for_what_there_are_kinds_for_and_nothing_else(app):
    with settings_of(app, WORDS_FILE=""), app.app_context():
        assert {p.name for p in shown(ENGLISH)} == {kind.purpose for kind in KINDS.values()}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_each_makes_pointless_is_a_kind_too(kind):
    assert set(kind.supersedes) <= set(KINDS) - {kind.name}


def test_an_unknown_kind_is_told_which_there_are(shop):
    answer = shop.post("/api/events/order_shiped", json={})
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")
    assert answer.json["kinds"] == list(KINDS)
