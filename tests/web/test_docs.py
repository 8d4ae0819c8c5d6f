"""The page about the API: made of the contract, readable by anyone, its commands good as pasted."""

import html
import re
import shlex

import pytest

from smsapp import phone
from smsapp.api_keys import Scope
from smsapp.web import openapi
from tests.conftest import ENVIRONMENT, on_one_database
from tests.oncall.conftest import ANN, put_in
from tests.web.test_openapi import operations

pytestmark = on_one_database


@pytest.fixture
def page(client):
    answer = client.get("/docs", headers={"Accept-Language": "de"})
    assert answer.status_code == 200
    return answer


def commands(page):
    """Return the command of each call by its id."""
    found = re.findall(r'<article id="(\w+)">.*?<pre>(curl .*?)</pre>', page.text, re.DOTALL)
    return {call: html.unescape(command) for call, command in found}


def test_it_shows_each_call_with_its_fields_answers_and_errors(app, page):
    with app.app_context():
        contract = openapi.document()
    text = html.unescape(page.text)
    told = dict(re.findall(r'<article id="(\w+)">(.*?)</article>', text, re.DOTALL))
    for method, path, call in operations(contract):
        shown = told[call["operationId"]]
        assert f"{method.upper()} {path}" in shown
        for parameter in call.get("parameters", ()):
            assert f"<code>{parameter['name']}</code>" in shown
        for status, answer in openapi.answers_of(call, contract).items():
            for name in answer["content"].get("application/json", {}).get("examples", ()):
                if status < "400":
                    assert f"{status} {name}" in shown
                    assert f'id="shape-{name}"' in text
                else:
                    code = contract["components"]["schemas"][name]["properties"]["error"]["const"]
                    assert f'<a href="#error-{name}">{status} <code>{code}</code></a>' in shown
        if "requestBody" in call:
            name = call["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            for field in contract["components"]["schemas"][name.rpartition("/")[2]]["properties"]:
                assert f"<code>{field}</code>" in shown
    assert set(re.findall('href="#(.*?)"', text)) <= {"main", *re.findall('id="(.*?)"', text)}


def test_it_needs_no_style_or_script_of_its_own_and_is_in_english(page):
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert not re.search(r"<style|<script(?! src)| style=| on\w+=", page.text)
    assert '<html lang="en">' in page.text


def test_each_command_is_good_as_pasted(app, page, make_service, twilio, verify):
    """But for those about what is not there yet: they are told so."""
    service = make_service("shop", *Scope)
    put_in(app, "Ann", ANN)
    answers = {}
    for call, command in commands(page).items():
        one_line = command.replace("\\\n", "").replace("<your key>", service.key)
        _, url, *rest = shlex.split(one_line)
        flags = list(zip(rest[::2], rest[1::2], strict=True))
        headers = dict(value.split(": ") for flag, value in flags if flag == "-H")
        data = dict(flags).get("-d")
        method = dict(flags).get("-X", "POST" if data else "GET")
        path = url.removeprefix(ENVIRONMENT["PUBLIC_BASE_URL"])
        answer = service.client.open(path, method=method, data=data, headers=headers)
        answers[call] = answer.status_code
    endpoints = {"disable_webhook_endpoint", "enable_webhook_endpoint"}
    secrets = {"rotate_webhook_secret", "replay_webhooks"}
    missing = {"get_delivery", "cancel_delivery", "prometheus"} | endpoints | secrets
    missing |= {"get_incident", "acknowledge_incident"}
    assert {call for call, status in answers.items() if status >= 300} == missing
    assert {answers[call] for call in missing} == {404}


def test_who_pastes_a_command_with_a_live_key_texts_nobody(page):
    numbers = set(re.findall(r"\+\d{8,}", "".join(commands(page).values())))
    assert numbers == {phone.NOBODYS}
    assert re.fullmatch(r"\+1\d{3}55501\d\d", phone.NOBODYS)  # kept for fiction


def test_the_console_leads_to_it(support):
    assert 'href="/docs"' in support.sees("/console/").text
