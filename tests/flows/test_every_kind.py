"""Every kind of event becomes a text that arrives: on each database, without anybody asking."""

import json
import re
import subprocess

import pytest

from smsapp.events.kinds import KINDS
from tests.conftest import ALICE, ROOT, on_one_database
from tests.flows.conftest import installation_on
from tests.system import get, post, wait_for

# By an event's field: what a service may say there. Any other is the name of an order or the like.
SAYS = {
    "trackingUrl": "https://example.com/track/1001",
    "from": "2026-12-04T14:00:00+01:00",
    "until": "2026-12-04T16:00:00+01:00",
    "expectedOn": "2026-12-05",
    "place": "Hill Street 1",
    "startsAt": "2082-12-04T14:00:00+01:00",
    "timeZone": "Europe/Berlin",
    "eventAt": "2026-06-02T09:00:00Z",
    "remindBefore": ["P1D"],
}


# Each kind is tried on both databases by the tests of events.
pytestmark = on_one_database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shop(request, tmp_path_factory):
    """A web process on each database, for all kinds; nobody sleeps."""
    with installation_on(request, tmp_path_factory.mktemp("kinds")) as system:
        url, _ = system.web(QUIET_HOURS="none")
        yield system, url


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_its_text_becomes_delivered(shop, kind):
    system, url = shop
    event = {
        "eventId": f"{kind.name}-1",
        "phone": ALICE,
        "consentAt": "2026-06-02T09:00:00Z",
        "metadata": {"kind": kind.name},
    } | {name: SAYS.get(name, f"of {kind.name}") for name in kind.own_fields()}
    status, sent = post(url, system.key, event, path=f"/api/events/{kind.name}")
    assert (status, sent["accepted"]) == (202, True)
    path = f"/api/deliveries/{sent['deliveryId']}"
    wait_for(lambda: get(url, system.key, path)["status"] == "delivered")
    found = get(url, system.key, path)
    (text,) = [one for one in system.sandbox.messages() if one["sid"] == found["sid"]]
    assert (text["to"], text["status"]) == (ALICE, "delivered")
    assert found["subject"] == f"of {kind.name}"
    assert found["metadata"] == {"kind": kind.name}
    _, again = post(url, system.key, event, path=f"/api/events/{kind.name}")
    assert again["duplicate"] is True


def test_the_commands_of_the_readme_work_as_pasted(shop):
    _, url = shop
    (pasted,) = re.findall(r"```sh\n(KEY=.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    pasted = pasted.replace("<your key>", shop[0].key).replace("http://127.0.0.1:8000", url)
    ended = subprocess.run(
        ["bash", "-c", pasted], capture_output=True, text=True, check=True, timeout=60
    )
    *told, would, listed, late = map(json.loads, ended.stdout.splitlines())
    assert all(answer.get("accepted") for answer in told), told
    commands = re.findall(r"^tell (\w+)", pasted, re.MULTILINE)
    assert set(KINDS) <= set(commands)
    assert would["wouldSend"] is True
    assert listed["data"][0]["orderId"] == "1002"
    assert late["error"] == "too_late"
