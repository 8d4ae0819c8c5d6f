"""The phone page and the JSON contract, over plain HTTP."""

import re

import pytest
import requests

from smsapp.sandbox import inbox
from tests.sandbox.desk import SHOP


def test_messages_json_lists_everything_accepted_newest_first(sandbox, send):
    sids = [send(body=f"Text {i}").sid for i in range(60)]
    sandbox.settle()
    listed = requests.get(f"{sandbox.url}/messages.json", timeout=5).json()["messages"]
    assert [m["sid"] for m in listed] == sids[::-1]
    assert listed[0] == {
        "sid": sids[-1],
        "to": "+15558675310",
        "from": SHOP,
        "body": "Text 59",
        "status": "delivered",
        "errorCode": None,
        "createdAt": listed[0]["createdAt"],
        "channel": "sms",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", listed[0]["createdAt"])


def test_it_is_healthy(sandbox):
    assert requests.get(f"{sandbox.url}/healthz", timeout=5).json() == {"status": "ok"}


def test_the_page_leads_to_the_app_and_to_its_console(shop, sandbox):
    app = shop.desk.config.public_base_url
    page = requests.get(shop.url, timeout=5).text
    assert f'href="{app}/"' in page
    assert f'href="{app}/console"' in page
    assert "Console" not in requests.get(sandbox.url, timeout=5).text, "without an app"


def test_an_empty_page_tells_a_newcomer_what_to_do(sandbox):
    page = requests.get(sandbox.url, timeout=5).text
    assert "No texts yet" in page
    assert "make run" in page


def test_no_address_holds_a_number(sandbox, send):
    send()
    page = requests.get(sandbox.url, timeout=5).text
    assert "+1 555-867-5310" in page
    assert not re.search(r'(href|action|src)="[^"]*8675310', page)


def test_a_text_cannot_bring_its_own_markup(sandbox, send):
    send(body='<script>alert(1)</script> https://x.example/"onclick=1')
    page = requests.get(sandbox.url, timeout=5).text
    assert "<script>alert" not in page
    assert 'href="https://x.example/"' in page
    assert "&#34;onclick" in page


def test_a_failed_text_says_why_in_words(sandbox, send):
    sandbox.weather(carrier_error=30006)
    send()
    sandbox.settle()
    assert "Landline or unreachable carrier" in requests.get(sandbox.url, timeout=5).text


def test_a_page_with_nothing_new_is_204(sandbox, send):
    send()
    sandbox.settle()
    page = requests.get(sandbox.url, timeout=5).text
    revision = re.search(r'data-revision="(\d+)"', page)[1]
    url = f"{sandbox.url}/?since={revision}"
    assert requests.get(url, timeout=5).status_code == 204
    send()
    assert requests.get(url, timeout=5).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/texts")])
def test_a_cleared_conversation_leads_home(sandbox, method, path):
    url, form = f"{sandbox.url}/conversations/9{path}", {"body": "Hi"}
    answer = requests.request(method, url, data=form, timeout=5, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_the_page_allows_no_script_but_its_own(sandbox):
    answer = requests.get(sandbox.url, timeout=5)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|style=|<script>|\bon\w+=", answer.text)


@pytest.mark.parametrize(
    "path",
    [
        "/weather",
        "/weather/clear",
        "/weather/preset",
        "/clear",
        "/later",
        "/weather.json",
        "/texts",
        "/conversations/1/texts",
        "/conversations/1/samples",
        "/conversations/1/buttons",
        "/templates",
        "/templates/HX1/status",
        "/templates/HX1/delete",
    ],
)
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_another_site_cannot_change_anything(sandbox, send, path, headers):
    send()
    answer = requests.post(f"{sandbox.url}{path}", data={}, headers=headers, timeout=5)
    assert answer.status_code == 403
    assert len(sandbox.messages()) == 1


def test_no_time_passes_for_an_app_that_is_not_its_own(sandbox):
    assert "One day later" not in requests.get(sandbox.url, timeout=5).text
    assert requests.post(f"{sandbox.url}/later", timeout=5).status_code == 404


@pytest.mark.parametrize("path", ["/", "/messages.json", "/healthz"])
def test_a_name_that_points_here_is_refused(sandbox, path):
    headers = {"Host": "rebound.example"}
    assert requests.get(sandbox.url + path, headers=headers, timeout=5).status_code == 421


LONG = "x" * 1601


@pytest.mark.parametrize(
    ("path", "form", "fault", "kept"),
    [
        ("/weather", {"error_before": "70", "reset_after": "70"}, "add up to 140 %", ["70"] * 2),
        ("/conversations/1/texts", {"body": LONG}, "at most 1600 characters", [LONG]),
        ("/conversations/1/texts", {}, "nothing to send", []),
        ("/texts", {"from": "555", "body": "Open?"}, "Use the international", ["555", "Open?"]),
    ],
)
def test_a_bad_form_says_what_is_wrong_and_keeps_what_was_typed(
    sandbox, send, path, form, fault, kept
):
    send()
    answer = requests.post(sandbox.url + path, data=form, timeout=5)
    assert answer.status_code == 400
    assert fault in answer.text
    for value in kept:
        assert answer.text.count(f'value="{value}"') == kept.count(value)


@pytest.mark.parametrize("number", ["+1 (555) 867-5310", "\u202a+1\u00a0555\u2060867 5310\u202c"])
def test_a_new_text_takes_a_number_as_people_write_it(sandbox, number):
    form = {"from": number, "body": "Are you open?"}
    answer = requests.post(f"{sandbox.url}/texts", data=form, timeout=5, allow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/conversations/1#reply"
    assert [c.number for c in inbox.conversations(sandbox.desk)] == ["+15558675310"]
