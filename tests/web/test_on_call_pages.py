# ruff: noqa: F811  fixtures are imported and then asked for
"""Incidents and who is on call, in the console."""

import re

import pytest

from smsapp.models import Audit, Handover, Incident, OnCallPerson, RotaOverride
from tests.fake_verify import CODE
from tests.oncall.conftest import (  # noqa: F401  fixtures
    ANN,
    crew,
    opens,
    passes,
    put_in,
    replies,
    resolves,
    works,
)

pytestmark = pytest.mark.one_database


def test_an_operator_puts_somebody_in_who_proves_their_number(verify, operator, rows):
    answer = operator.posts("/console/on-call/people", name="Dora", phone="+1 202 555 0144")
    assert answer.status_code == 303
    person = rows.one(OnCallPerson)
    operator.posts(f"/console/on-call/people/{person.id}/code")
    operator.posts(f"/console/on-call/people/{person.id}/check", code="000000")
    assert "That is not the code" in operator.sees("/console/on-call").text
    operator.posts(f"/console/on-call/people/{person.id}/check", code=CODE)
    page = operator.sees("/console/on-call").text
    assert "Dora is paged from now on." in page
    assert "+12025550144" not in page
    assert [row.why for row in rows.all(Audit)] == ["put in", "number proved"]


@pytest.mark.parametrize(
    ("phone", "words"), [("555", "give the number as +"), ("+12025550111", "Ann has that number")]
)
def test_what_is_no_number_or_anothers_is_refused_in_words(crew, operator, phone, words):
    operator.posts("/console/on-call/people", name="Dora", phone=phone)
    assert words in operator.sees("/console/on-call").text


def test_the_week_says_who_is_on_call_and_an_operator_changes_it(crew, operator, rows):
    assert "<strong>Ann</strong> is on call now, then Ben" in operator.sees("/console/on-call").text
    form = {"person": str(crew.carl), "weekday": "4", "at": "18:00", "week_of_rota": "1"}
    operator.posts("/console/on-call/handovers", **form)
    times = {"from": "2040-01-02T08:00", "until": "2040-01-02T20:00"}
    operator.posts("/console/on-call/overrides", person=str(crew.ben), **times)
    page = operator.sees("/console/on-call").text
    assert "Friday 18:00 <strong>Carl</strong>" in page
    assert "<strong>Ben</strong> 02 Jan 08:00 to 02 Jan 20:00" in page
    row = rows.one(RotaOverride)
    operator.posts(f"/console/on-call/overrides/{row.id}/drop")
    assert rows.all(RotaOverride) == []
    said = [row.why for row in rows.all(Audit)]
    assert said[0] == "takes over on Friday at 18:00"
    assert said[2] == "off the rota then"


@pytest.mark.parametrize(
    "form",
    [
        {"weekday": "7", "at": "18:00"},
        {"weekday": "x", "at": "18:00"},
        {"weekday": "1", "at": "6 pm"},
        {"weekday": "1", "at": "18:00", "week_of_rota": "53"},
    ],
)
def test_a_time_that_there_is_not_changes_nothing(crew, operator, rows, form):
    before = rows.all(Handover)
    operator.posts("/console/on-call/handovers", person=str(crew.ann), **form)
    assert rows.all(Handover) == before
    for times in ({"from": "now", "until": "then"}, {"from": "2040-01-02T08:00"}):
        operator.posts("/console/on-call/overrides", person=str(crew.ann), **times)
    assert rows.all(RotaOverride) == []


def test_support_may_look_and_change_nothing(crew, support, rows):
    assert "Put somebody in" not in support.sees("/console/on-call").text
    answer = support.posts(f"/console/on-call/people/{crew.ann}/remove")
    assert answer.status_code == 403
    assert len([row for row in rows.all(OnCallPerson) if row.left_at is None]) == 3


def test_an_incident_shows_who_was_told_when_and_how_and_who_took_it(
    crew, opens, works, replies, operator, resolves
):
    incident_id = opens(title="<b>Checkout</b> is down").json["incidentId"]
    works()
    page = operator.sees(f"/console/incidents/{incident_id}").text
    assert "&lt;b&gt;Checkout" in page
    assert re.search(r"<strong>Ann</strong>, Text \(SMS\): <span class=\"state sent\">", page)
    operator.posts(f"/console/incidents/{incident_id}/take")
    assert "olga has it" in operator.sees("/console/incidents").text
    operator.posts(f"/console/incidents/{incident_id}/take")
    assert "Somebody had it already" in operator.sees(f"/console/incidents/{incident_id}").text
    operator.posts(f"/console/incidents/{incident_id}/end")
    assert "olga had it, in the console" in operator.sees(f"/console/incidents/{incident_id}").text
    assert works() == [("Ann", "Over: <b>Checkout</b> is down.")]


def test_page_me_now_pages_one_and_shows_how_it_went(crew, operator, works, rows):
    answer = operator.posts(f"/console/on-call/people/{crew.carl}/page")
    incident = rows.one(Incident)
    assert answer.headers["Location"] == f"/console/incidents/{incident.id}"
    assert [name for name, _ in works()] == ["Carl"]
    assert "This is a test for Carl" in operator.sees(answer.headers["Location"]).text


def test_pages_about_nobody_and_nothing_are_not_found(crew, operator):
    nothing = "01a1fc1e-7c3e-7d5a-9d0b-6f1c2b3a4d5e"
    assert operator.sees(f"/console/incidents/{nothing}").status_code == 404
    assert operator.posts("/console/on-call/people/999/remove").status_code == 404
