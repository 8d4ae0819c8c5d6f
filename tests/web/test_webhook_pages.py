"""The console shows how callers' endpoints do, and operators see to them."""

import re

import pytest

from smsapp.models import Webhook, WebhookEndpoint
from smsapp.webhooks.ids import message_id
from tests.conftest import ALICE, change, on_one_database, sid, text_in

pytestmark = on_one_database
PAGE = "/console/webhooks"


@pytest.fixture
def endpoint_page(make_endpoint):
    """An endpoint's page."""
    endpoint_id, _ = make_endpoint("https://shop.example.com/hook")
    return f"{PAGE}/{endpoint_id}"


def test_an_operator_makes_an_endpoint_and_sees_its_secret_once(operator, rows):
    made = operator.posts(
        PAGE, name="shop", url="https://shop.example.com/hook", types="message.received"
    )
    (secret,) = re.findall(r"whsec_[\w+/=]+", made.text)
    row = rows.one(WebhookEndpoint)
    assert (row.name, row.types) == ("shop", " message.received ")
    page = operator.sees(f"{PAGE}/{row.id}").text
    assert secret not in page
    assert "message.received" in page
    assert "shop" in operator.sees(PAGE).text
    rotated = operator.posts(f"{PAGE}/{row.id}/rotate").text
    assert secret not in rotated
    assert "whsec_" in rotated


def test_what_is_wrong_is_said_and_kept_in_the_form(operator, rows):
    page = operator.posts(PAGE, name="", url="https://me:x@shop.example.com/")
    assert page.status_code == 400
    assert "must be 1 to 40" in page.text
    assert "no user name or password" in page.text
    assert 'value="https://me:x@shop.example.com/"' in page.text
    assert rows.all(WebhookEndpoint) == []


def test_one_that_was_given_up_says_so_and_is_enabled_again(
    app, operator, endpoint_page, rows, now
):
    change(app, WebhookEndpoint, disabled_at=now, disabled_because="failing", failing_since=now)
    assert "took nothing for a day" in operator.sees(endpoint_page).text
    assert operator.posts(f"{endpoint_page}/enable").status_code == 303
    assert rows.one(WebhookEndpoint).failing_since is None
    operator.posts(f"{endpoint_page}/disable")
    assert "Disabled" in operator.sees(PAGE).text


def test_what_it_did_not_take_is_sent_once_more(app, operator, endpoint_page, rows, now):
    text_in(app, sid(1), ALICE, "hello")
    dead = {"state": "dead", "due_at": None, "done_at": now, "trouble": "http_500"}
    change(app, Webhook, **dead)
    name = message_id(rows.one(Webhook).message_id)
    assert name in operator.sees(endpoint_page).text
    for fields, said in (
        ({"since": "2099-01-01T00:00"}, "0 are sent"),
        ({"since": "soon"}, "no time such as"),
        ({"id": "msg_1"}, "no time such as"),
        ({"id": name}, "One is sent once more"),
    ):
        assert operator.posts(f"{endpoint_page}/replay", **fields).status_code == 303
        assert said in operator.sees(endpoint_page).text
    assert rows.one(Webhook).state == "pending"


def test_support_may_look_and_change_nothing(support, endpoint_page, rows):
    assert "<form" not in support.sees(endpoint_page).text.split("<main")[1]
    assert support.posts(PAGE, name="x", url="https://x.example/").status_code == 403
    for act in ("disable", "enable", "rotate", "replay"):
        assert support.posts(f"{endpoint_page}/{act}").status_code == 403
    assert rows.one(WebhookEndpoint).generation == 1


def test_there_is_no_page_of_one_that_there_is_not(operator):
    nobody = f"{PAGE}/01a1fc1e-7c3e-7d5a-9d0b-6f1c2b3a4d5e"
    assert operator.sees(nobody).status_code == 404
    assert operator.posts(f"{nobody}/rotate").status_code == 404
