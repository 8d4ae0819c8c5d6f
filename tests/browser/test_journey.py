"""The whole journey of a customer, in a real browser, over the sandbox."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SHOP, Customer
from tests.conftest import shipment

pytestmark = pytest.mark.browser


def ships(customer: Customer, key: str, order: str) -> Any:
    """Tell the shop's service that this customer's order has shipped."""
    return customer.page.request.post(
        "/api/order-shipped-sms",
        data=shipment(f"order-{order}-shipped", orderId=order, phone=customer.number),
        headers={"Authorization": f"Bearer {key}"},
    )


def texts_to(customer: Customer) -> list[str]:
    """Return what the shop has texted the customer, newest first."""
    messages = customer.sandbox.messages()
    return [str(m["body"]) for m in messages if m["to"] == customer.number]


def test_from_the_number_to_a_text_to_stop_and_back(customer, shop):
    system, _ = shop
    alice = customer()
    alice.signs_in("Order updates")
    expect(alice.page.get_by_text("You agreed on")).to_have_count(1)

    assert ships(alice, system.key, "3001").status == 202
    assert texts_to(alice)[0].startswith(f"{SHOP}: Your order 3001 has shipped.")

    alice.sandbox.text(alice.number, "STOP")
    alice.sandbox.settle()
    refused = ships(alice, system.key, "3002")
    assert (refused.status, refused.json()["error"]) == (409, "opted_out")
    alice.page.reload()
    expect(alice.page.get_by_role("region", name="All texts are stopped")).to_contain_text(
        "text START to +1 500-555-0006"
    )
    expect(alice.page.get_by_text("Agreed, but stopped")).to_be_visible()

    alice.sandbox.text(alice.number, "START")
    alice.sandbox.settle()
    alice.page.reload()
    expect(alice.page.get_by_text("All texts are stopped")).to_have_count(0)
    assert ships(alice, system.key, "3003").status == 202
    assert "3003" in texts_to(alice)[0]
    assert not any("3002" in text for text in texts_to(alice))


def test_stopping_everything_keeping_the_data_and_erasing(customer):
    alice = customer()
    alice.signs_in("Order updates", "Support")
    alice.presses("Stop all texts")
    expect(alice.page.get_by_role("status")).to_contain_text("All texts are stopped.")

    with alice.page.expect_download() as download:
        alice.page.get_by_role("link", name="See what we know about you").click()
    assert download.value.suggested_filename == "what-we-know-about-you.json"
    assert json.loads(download.value.path().read_text())["phone"] == alice.number

    alice.page.get_by_role("link", name="Erase me").click()
    alice.presses("Erase me")
    expect(alice.page.get_by_role("heading", name="You are erased")).to_be_visible()
    alice.page.goto("/preferences")
    expect(alice.page.get_by_text("Confirm your number to go on.")).to_be_visible()
