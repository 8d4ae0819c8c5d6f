"""`flask webhook-endpoint`: endpoints by their names."""

import re

import pytest

from smsapp.models import Webhook, WebhookEndpoint
from smsapp.webhooks.ids import message_id
from tests.conftest import ALICE, change, on_one_database, sid, text_in

pytestmark = on_one_database
URL = "https://shop.example.com/hook"


@pytest.fixture
def does(run):
    """Run `flask webhook-endpoint …`; return what it says."""

    def do(*arguments, fails=False):
        said = run("webhook-endpoint", *arguments)
        assert said.exit_code == fails, said.output
        return said.output

    return do


def test_an_endpoint_is_made_listed_rotated_disabled_and_enabled(does, rows):
    made = does("create", "shop", URL, "--event", "message.received", "--with-bodies")
    secret = made.splitlines()[-1]
    assert re.fullmatch(r"whsec_[\w+/=]{44}", secret)
    assert rows.one(WebhookEndpoint).wants_bodies
    assert "There is a webhook endpoint" in does("create", "shop", URL, fails=True)
    assert does("rotate", "shop").splitlines()[-1] != secret
    does("disable", "shop")
    assert "disabled (asked)" in does("list")
    does("enable", "shop")
    assert re.search(rf"shop +enabled +0 waiting, 0 dead  {URL}", does("list"))
    assert "no webhook endpoint called" in does("rotate", "nobody", fails=True)


@pytest.mark.parametrize("url", ["http://shop.example.com/", "https://me:x@shop.example.com/"])
def test_an_address_that_will_not_do_is_refused(does, rows, url):
    assert "Error: The URL must" in does("create", "shop", url, fails=True)
    assert rows.all(WebhookEndpoint) == []


def test_what_was_not_taken_is_replayed(app, does, rows, now):
    does("create", "shop", URL)
    text_in(app, sid(1), ALICE, "hello")
    change(app, Webhook, state="dead", due_at=None, done_at=now)
    assert does("replay", "shop", "--since", "2099-01-01T00:00Z").startswith("0 ")
    assert "32 hex digits" in does("replay", "shop", "--id", "msg_1", fails=True)
    name = message_id(rows.one(Webhook).message_id)
    both = ("--id", name, "--since", "2026-01-01T00:00Z")
    assert "either" in does("replay", "shop", *both, fails=True)
    assert does("replay", "shop", "--id", name).startswith("1 ")
