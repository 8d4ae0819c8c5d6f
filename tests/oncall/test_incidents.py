"""One incident of a key at a time, whoever tells of it how often; whoever is on call is told."""

import pytest

from smsapp.models import Incident, IncidentEvent
from tests.conftest import at_once, opt_out
from tests.oncall.conftest import MINUTE


def test_whoever_is_on_call_is_told_once(opens, works, rows, crew):
    answer = opens()
    assert (answer.status_code, answer.json["status"], answer.json["count"]) == (202, "open", 1)
    assert answer.headers["Location"] == f"/api/incidents/{answer.json['incidentId']}"
    ((name, words),) = works()
    assert name == "Ann"
    assert words.startswith("CRITICAL: db is down. Reply 1 to take it. If several ")
    assert words.rpartition(" ")[2].startswith("https://sms.example.com/incidents/")
    assert works() == []


def test_the_same_event_again_is_the_same_and_other_content_is_refused(opens, rows, crew):
    first, again = opens(event_id="event-of-db"), opens(event_id="event-of-db")
    assert (again.status_code, again.json["duplicate"], again.json["count"]) == (200, True, 1)
    assert again.json["incidentId"] == first.json["incidentId"]
    other = opens("web", event_id="event-of-db")
    assert (other.status_code, other.json["error"]) == (422, "event_id_reused")
    assert len(rows.all(IncidentEvent)) == 1


def test_the_same_key_while_it_is_open_adds_to_its_count_and_texts_nobody(opens, works, crew):
    opens()
    works()
    assert [opens().json["count"] for _ in range(3)] == [2, 3, 4]
    assert works() == []


def test_after_it_is_over_the_key_opens_another(opens, resolves, works, rows, crew):
    first = opens()
    works()
    over = resolves()
    assert (over.json["status"], over.json["incidentId"]) == ("resolved", first.json["incidentId"])
    assert works() == [("Ann", "Over: db is down.")]
    assert opens().json["incidentId"] != first.json["incidentId"]
    assert len(works()) == 1


def test_what_is_over_before_anybody_was_told_is_told_to_nobody(opens, resolves, works, crew):
    opens()
    resolves()
    assert works() == []


def test_the_end_of_what_nobody_knows_of_is_ignored(resolves, crew):
    answer = resolves("nothing")
    assert (answer.status_code, answer.json) == (200, {"ignored": True, "status": "unknown"})
    assert resolves("nothing").json["duplicate"]


def test_many_at_once_open_one(opens, rows, crew):
    answers = []
    calls = [lambda n=n: answers.append(opens(event_id=f"event-{n:04}")) for n in range(20)]
    at_once(*calls)
    assert {answer.status_code for answer in answers} == {202}
    assert rows.one(Incident).events == 20


def test_all_faults_are_told_at_once(shop, crew):
    answer = shop.post("/api/events/incident_opened", json={"eventId": "x", "severity": "bad"})
    assert answer.status_code == 400
    faulty = answer.json["details"]["fieldErrors"]
    assert set(faulty) == {"eventId", "incidentKey", "title", "severity"}


def test_where_nobody_was_put_in_it_says_so(opens, rows):
    answer = opens()
    assert (answer.status_code, answer.json["error"]) == (503, "oncall_not_configured")
    assert rows.all(Incident) == []


def test_a_dry_run_pages_nobody(shop, opens, works, rows, crew):
    body = {
        "eventId": "event-dry",
        "incidentKey": "db",
        "title": "Down",
        "severity": "warning",
    }
    dry = "/api/events/incident_opened?dryRun=true"
    assert shop.post(dry, json=body).json["wouldPage"] is True
    assert rows.all(Incident) == []
    opens()
    works()
    assert shop.post(dry, json=body).json["why"]["code"] == "open"


@pytest.mark.one_database
def test_a_services_word_that_somebody_has_it_ends_the_steps(shop, opens, works, passes, crew):
    incident_id = opens().json["incidentId"]
    works()
    answer = shop.post(f"/api/incidents/{incident_id}/acknowledge", json={"by": "Dora"})
    assert (answer.json["status"], answer.json["acknowledgedBy"]) == ("acknowledged", "Dora")
    assert works() == [("Ann", "Dora has it: db is down.")]
    passes(60 * MINUTE)
    assert works() == []
    again = shop.post(f"/api/incidents/{incident_id}/acknowledge", json={"by": "Emil"})
    assert again.json["acknowledgedBy"] == "Dora"


def test_a_stop_by_somebody_on_call_is_obeyed_and_the_next_is_told_at_once(app, opens, works, crew):
    opt_out(app, "+12025550111")
    opens()
    assert [name for name, _ in works()] == ["Ben"]
