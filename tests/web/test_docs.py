"""The page about the API: made of the contract, readable by anyone, its commands good as pasted."""

import html
import re
import shlex

import pytest

from smsapp import api_keys, phone
from smsapp.api_keys import Scope
from smsapp.models import Delivery
from smsapp.providers.test_carrier import MAGIC_NUMBERS
from smsapp.web import openapi
from tests.conftest import ENVIRONMENT, command, on_one_database
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
            (media,) = call["requestBody"]["content"].values()
            name = media["schema"]["$ref"]
            for field in contract["components"]["schemas"][name.rpartition("/")[2]]["properties"]:
                assert f"<code>{field}</code>" in shown
    assert set(re.findall('href="#(.*?)"', text)) <= {"main", *re.findall('id="(.*?)"', text)}


def test_it_needs_no_style_or_script_of_its_own_and_is_in_english(page):
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert not re.search(r"<style|<script(?! src)| style=| on\w+=", page.text)
    assert '<html lang="en">' in page.text


def pasted(client, page, key):
    """Return how each command is answered, with this key for the reader's own."""
    answers = {}
    for call, pasted_ in commands(page).items():
        one_line = pasted_.replace("\\\n", "").replace("<your key>", key)
        _, url, *rest = shlex.split(one_line)
        flags = list(zip(rest[::2], rest[1::2], strict=True))
        headers = dict(value.split(": ") for flag, value in flags if flag == "-H")
        form = dict(value.split("=", 1) for flag, value in flags if flag == "-F")
        data = dict(flags).get("-d") or form
        method = dict(flags).get("-X", "POST" if data else "GET")
        path = url.removeprefix(ENVIRONMENT["PUBLIC_BASE_URL"])
        media = {"content_type": "multipart/form-data"} if form else {}
        answer = client.open(path, method=method, data=data, headers=headers, **media)
        answers[call] = answer.status_code
    return answers


def test_each_command_is_good_as_pasted(app, page, make_service, twilio, verify):
    """But for those about what is not there yet: they are told so."""
    service = make_service("shop", *Scope)
    put_in(app, "Ann", ANN)
    answers = pasted(service.client, page, service.key)
    endpoints = {"disable_webhook_endpoint", "enable_webhook_endpoint"}
    secrets = {"rotate_webhook_secret", "replay_webhooks"}
    batch = {f"{act}_batch" for act in ("get", "start", "pause", "resume", "cancel")}
    missing = {"get_delivery", "cancel_delivery", "prometheus", "get_batch_results", *batch}
    missing |= endpoints | secrets
    missing |= {"get_incident", "acknowledge_incident"}
    assert {call for call, status in answers.items() if status >= 300} == missing
    assert {answers[call] for call in missing} == {404}


def test_who_pastes_a_command_with_a_live_key_texts_nobody(page):
    numbers = set(re.findall(r"\+\d{8,}", "".join(commands(page).values())))
    assert numbers == {phone.NOBODYS}
    assert re.fullmatch(r"\+1\d{3}55501\d\d", phone.NOBODYS)  # kept for fiction


def test_who_is_signed_in_and_may_act_finds_commands_with_a_test_key(
    app, client, operator, twilio, rows
):
    page = operator.sees("/docs")
    assert page.headers["Cache-Control"] == "no-store"
    answers = pasted(client, page, "none")
    missing = {"get_delivery", "cancel_delivery", "get_message", "prometheus"}
    assert {call for call, status in answers.items() if status == 404} == missing
    real = {call for call, status in answers.items() if status == 401}
    assert real == {call for call, told in commands(page).items() if "<your key>" in told} - missing
    assert all(re.search("verif|webhook|incident|batch", call) for call in real)
    assert not twilio.calls
    assert {row.channel for row in rows.all(Delivery)} == {"test"}
    assert commands(operator.sees("/docs")) == commands(page)


def test_who_revoked_that_key_is_shown_none(app, operator):
    operator.sees("/docs")
    with app.app_context():
        (key,) = api_keys.list_all()
        assert key.is_test
        assert api_keys.revoke(key.name)
        api_keys._remembered.clear()
    assert "<your key>" in commands(operator.sees("/docs"))["list_deliveries"]


def test_that_key_ends_with_its_owner(app, operator):
    shown = commands(operator.sees("/docs"))["list_deliveries"]
    command(app, "operator", "disable", operator.name)
    api_keys._remembered.clear()
    with app.app_context():
        assert api_keys.recognise(re.search(r"Bearer (\w+)", shown)[1]) is None


def test_nobody_else_is_shown_a_key(app, page, support):
    for shown in (page, support.sees("/docs")):
        assert "<your key>" in commands(shown)["list_deliveries"]
        assert "no-store" not in shown.headers.get("Cache-Control", "")
    with app.app_context():
        assert not api_keys.list_all()


def test_each_number_for_test_keys_is_listed(page):
    for magic in MAGIC_NUMBERS:
        assert f"<code>{magic.number}</code></th><td>{html.escape(magic.about)}" in page.text


def test_the_console_leads_to_it(support):
    assert 'href="/docs"' in support.sees("/console/").text
