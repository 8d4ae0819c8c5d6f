"""Templates: the Content API as the SDK sees it, and the page that decides about them."""

import inspect
import json
import re

import pytest
import requests
from twilio.rest.content.v1 import content_and_approvals
from twilio.rest.content.v1.content import ContentInstance, ContentList
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList
from twilio.rest.content.v1.content.approval_fetch import ApprovalFetchInstance

from smsapp.events.kind import gaps
from smsapp.events.kinds import ALL
from smsapp.providers.http_client import rest_client
from smsapp.sandbox.whatsapp import templates
from smsapp.sandbox.whatsapp.templates import ready_sid
from tests.sandbox.desk import ACCOUNT, TOKEN, refused

SHIPPED = ready_sid("order_shipped", "en")
READY = [
    (name, language)
    for name in ("order_shipped", "order_delivered", "appointment_reminder")
    for language in ("en", "de")
]
WORDS = "Hi {{1}}, see you at {{2}} tomorrow."
BUTTONS = [{"type": "QUICK_REPLY", "title": "Confirm", "id": "appt:confirm"}]


@pytest.fixture
def api(client):
    return client.content.v1


@pytest.fixture
def make(api):
    """Make a template as Twilio's own example does."""

    def make(**changes):
        types = {
            "twilio/quick-reply": {"body": WORDS, "actions": BUTTONS},
            "twilio/text": {"body": WORDS},
        }
        given = {"friendly_name": "visit", "language": "en", "types": types} | changes
        given.setdefault("variables", {"1": "Ann", "2": "3:00pm"})
        return api.contents.create(ContentList.ContentCreateRequest(given))

    return make


def submit(api, sid, name="visit", category="UTILITY"):
    request = {"name": name, "category": category}
    return api.contents(sid).approval_create.create(
        ApprovalCreateList.ContentApprovalRequest(request)
    )


def approval(api, sid):
    return api.contents(sid).approval_fetch().fetch().whatsapp


def test_a_few_are_there_at_once_and_are_approved(sandbox, api):
    found = {(c.friendly_name, c.language): c for c in api.content_and_approvals.list()}
    assert list(found) == READY
    for (name, language), content in found.items():
        assert content.sid == ready_sid(name, language)
        assert content.approval_requests["status"] == "approved"
        body = content.types["twilio/text"]["body"]
        assert templates.faults(body) == []
        assert content.variables.keys() == set(re.findall(r"\{\{(\d)\}\}", body))


@pytest.mark.parametrize(("name", "language"), READY)
def test_those_have_a_gap_for_each_field_of_the_shops_kind(sandbox, name, language):
    content = templates.find(sandbox.desk, ready_sid(name, language))
    assert content.gaps == {str(n + 1) for n in range(len(gaps(ALL[name])))}


def test_a_template_is_made_approved_and_deleted(sandbox, api, make):
    made = make()
    assert re.fullmatch("HX[0-9a-f]{32}", made.sid)
    assert made.types["twilio/quick-reply"]["actions"] == BUTTONS
    assert approval(api, made.sid)["status"] == "unsubmitted"
    answer = submit(api, made.sid)
    assert (answer.status, answer.content_type) == ("unsubmitted", "twilio/quick-reply")
    assert approval(api, made.sid)["status"] == "pending"
    templates.decide(sandbox.desk, made.sid, "approved")
    assert approval(api, made.sid) == {
        "type": "whatsapp",
        "name": "visit",
        "category": "UTILITY",
        "content_type": "twilio/quick-reply",
        "status": "approved",
        "rejection_reason": "",
        "allow_category_change": True,
    }
    assert api.contents(made.sid).delete()
    assert refused(api.contents(made.sid).fetch) == (404, 20404)
    assert refused(approval, api, made.sid) == (404, 20404)


def test_the_apps_own_client_finds_all_of_it_here_page_by_page(sandbox, make):
    sids = [make().sid for _ in range(5)]
    api = rest_client(ACCOUNT, ACCOUNT, TOKEN, sandbox.url).content.v1
    assert [c.sid for c in api.contents.list(page_size=2)][len(READY) :] == sids
    assert api.contents(SHIPPED).fetch().friendly_name == "order_shipped"
    assert approval(api, SHIPPED)["status"] == "approved"


@pytest.mark.parametrize(
    "words",
    [
        "{{1}}, your order is here.",
        "Your order is {{1}}",
        "Order {{1}} {{2}} is here.",
        "Order {{1}} is at {{3}} now.",
        "Order {{1}}: see wa.me/15550001 now.",
    ],
)
def test_what_breaks_whatsapps_rules_is_rejected_at_once(api, make, words):
    sid = make(types={"twilio/text": {"body": words}}).sid
    submit(api, sid)
    found = approval(api, sid)
    assert (found["status"], found["rejection_reason"]) == ("rejected", "INVALID_FORMAT")


@pytest.mark.parametrize(
    "changes",
    [
        {"friendly_name": " "},
        {"language": "English"},
        {"types": {}},
        {"types": {"twilio/text": {"body": " "}}},
        {"types": {"twilio/media": {"body": "Hello", "media": []}}},
        {"types": {"twilio/quick-reply": {"body": "Hello", "actions": BUTTONS * 11}}},
        {"types": {"twilio/quick-reply": {"body": "Hello", "actions": [{"title": "x"}]}}},
    ],
)
def test_what_cannot_be_a_template_is_refused(sandbox, api, make, changes):
    assert refused(make, **changes) == (400, 20001)
    assert len(templates.listed(sandbox.desk)) == len(READY)


@pytest.mark.parametrize("wanted", [{"name": "Order shipped"}, {"category": "utility"}])
def test_a_request_for_approval_has_whatsapps_name_and_category(api, wanted):
    assert refused(submit, api, SHIPPED, **wanted) == (400, 20001)
    assert approval(api, SHIPPED)["status"] == "approved"


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        (ApprovalFetchInstance, f"/v1/Content/{SHIPPED}/ApprovalRequests"),
        (content_and_approvals.ContentAndApprovalsInstance, "/v1/ContentAndApprovals"),
        (content_and_approvals.ContentAndApprovalsInstance, "/v2/ContentAndApprovals"),
        (ContentInstance, f"/v1/Content/{SHIPPED}"),
    ],
)
def test_every_field_that_twilio_describes_is_there(client, sandbox, resource, path):
    answer = json.loads(client.request("GET", sandbox.url + path).text)
    found = answer["contents"][0] if "contents" in answer else answer
    read = inspect.getsource(resource.__init__)
    described = re.findall(r'payload\.get\(\s*"(\w+)"', read)
    assert len(described) > 3
    assert set(described) - found.keys() == set()


def test_nobody_reads_templates_without_a_password(sandbox):
    url = f"{sandbox.url}/v1/Content"
    assert requests.get(url, timeout=5).status_code == 401
    assert requests.get(url, auth=(ACCOUNT, TOKEN), timeout=5).status_code == 200


def test_the_page_makes_a_template_that_waits_for_a_decision(sandbox, api):
    form = {
        "friendly_name": "Next visit",
        "language": "de",
        "body": "Bis {{1}} dann.\r\nIhr Laden",
        "buttons": "Ja\nNein = appt:no",
    }
    page = requests.post(f"{sandbox.url}/templates", data=form, timeout=5).text
    made = templates.listed(sandbox.desk)[-1]
    assert made.sid in page
    assert made.body == "Bis {{1}} dann.\nIhr Laden"
    assert made.buttons == [{"title": "Ja", "id": "ja"}, {"title": "Nein", "id": "appt:no"}]
    assert (made.name, made.status) == ("next_visit", "pending")


def test_the_page_decides_and_deletes(sandbox, api):
    url = f"{sandbox.url}/templates/{SHIPPED}"
    for status in ("paused", "rejected", "approved"):
        page = requests.post(f"{url}/status", data={"status": status}, timeout=5)
        assert f"standing {status}" in page.text
        assert approval(api, SHIPPED)["status"] == status
    assert requests.post(f"{url}/status", data={"status": "lost"}, timeout=5).status_code == 404
    assert SHIPPED not in requests.post(f"{url}/delete", timeout=5).text


def test_the_page_says_what_is_wrong_and_keeps_what_was_typed(sandbox):
    form = {"friendly_name": "visit", "language": "Deutsch", "body": "Bis bald"}
    answer = requests.post(f"{sandbox.url}/templates", data=form, timeout=5)
    assert answer.status_code == 400
    assert "The language is a code" in answer.text
    assert 'value="Deutsch"' in answer.text
    assert "Bis bald</textarea>" in answer.text
