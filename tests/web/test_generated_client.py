"""A client that a program writes from the contract: it sends an event and reads it back."""

import importlib
import json
import subprocess
import sys

import httpx

from tests.conftest import ALICE, on_one_database


@on_one_database
def test_a_client_made_from_the_contract_sends_an_event_and_reads_it_back(
    app, client, shop, twilio, tmp_path, monkeypatch
):
    contract = tmp_path / "openapi.json"
    contract.write_text(json.dumps(client.get("/openapi.json").json))
    settings = tmp_path / "settings.yml"
    settings.write_text("post_hooks: []\n")  # it need not be pretty
    made = tmp_path / "made_client"
    paths = ["--path", contract, "--config", settings, "--output-path", made, "--meta", "none"]
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"]
    subprocess.run([*command, *paths], check=True, timeout=60)
    monkeypatch.syspath_prepend(tmp_path)

    def its(module):
        return importlib.import_module(f"made_client.{module}")

    caller = its("client").AuthenticatedClient("http://shop.example", shop.key)
    wire = httpx.Client(transport=httpx.WSGITransport(app), base_url="http://shop.example")
    wire.headers["Authorization"] = f"Bearer {shop.key}"
    caller.set_httpx_client(wire)
    order = its("models.order_delivered").OrderDelivered
    tell = its("api.events.order_delivered").sync
    event = {"eventId": "order-1001-there", "phone": ALICE, "orderId": "1001", "place": "the door"}
    event |= {"consentAt": "2026-06-02T09:00:00Z"}
    sent = tell(client=caller, body=order.from_dict(event))
    assert (type(sent).__name__, sent.status) == ("Accepted", "sent")
    read = its("api.deliveries.get_delivery").sync(sent.delivery_id, client=caller)
    assert (read.event_id, read.order_id, read.status) == ("order-1001-there", "1001", "sent")
    refused = tell(client=caller, body=order.from_dict(event | {"phone": "1"}))
    assert "phone" in refused.details.field_errors.to_dict()
