"""One browser, one shop on the sandbox, and a customer who sits before it."""

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from smsapp.sandbox.testing import Sandbox
from tests.system import System, free_port, installation

SHOP = "Corner Books"


def sign_in(page: Page, name: str, password: str) -> None:
    """Fill in the console's form and send it."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@contextmanager
def shop_on_sandbox(folder: Path, **environment: str) -> Iterator[tuple[System, str]]:
    """Set up a shop with Verify and inbound texts, and start its web process."""
    settings = {
        "TWILIO_VERIFY_SERVICE_SID": "VA00000000000000000000000000000001",
        "SHOP_NAME": SHOP,
        "MAIL_URL": f"smtp://127.0.0.1:{free_port()}",
        "MAIL_FROM": "orders@shop.example",
        # All tests come from one address.
        "VERIFY_RATE_LIMIT": "1000/minute",
    }
    database = f"sqlite:///{folder}/shop.sqlite3"
    with installation(database, folder, 0.1, True, **settings | environment) as system:
        url, _ = system.web()
        yield system, url


@dataclass
class Customer:
    """Somebody with a number, and a page before them."""

    page: Page
    number: str
    sandbox: Sandbox

    @property
    def code(self) -> str:
        """The newest code that their phone was sent."""
        return next(str(c["code"]) for c in self.sandbox.codes() if c["to"] == self.number)

    def link_in_mail(self) -> str:
        """Return the path of the link in the newest mail to them, who have their own address."""
        address = f"{self.number[1:]}@example.com"
        mail = next(str(m["text"]) for m in self.sandbox.mails() if m["to"] == address)
        found = re.search(r"http://[^/\s]+(/mail/\S+)", mail)
        assert found
        return found[1]

    def gives_address(self, address: str = "") -> None:
        """Give an address for what a text cannot bring."""
        self.page.get_by_label("Your e-mail address").fill(
            address or f"{self.number[1:]}@example.com"
        )
        self.presses("I agree: send me a link")

    def asks_for_code(self, *purposes: str) -> None:
        self.page.goto("/")
        self.page.get_by_label("Mobile number").fill(self.number)
        for purpose in purposes:
            self.page.get_by_label(purpose).check()
        self.presses("Send the code")
        expect(self.page).to_have_url("/verify")

    def enters(self, code: str) -> None:
        self.page.get_by_role("textbox", name="Code").fill(code)
        self.presses("Check the code")

    def signs_in(self, *purposes: str) -> None:
        self.asks_for_code(*purposes)
        self.enters(self.code)
        expect(self.page).to_have_url("/preferences")

    def presses(self, button: str) -> None:
        """Press a button, and see the page that it leads to."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=button).click()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, str]]:
    """A shop for all tests; each of them has a number of its own."""
    with shop_on_sandbox(tmp_path_factory.mktemp("shop")) as found:
        yield found


NUMBERS = (f"+1202555{last:04}" for last in itertools.count(2000))


@pytest.fixture
def customer(open_window: Callable[..., Page], shop: tuple[System, str]) -> Callable[..., Customer]:
    """Open a browser window for a new customer."""
    system, url = shop

    def opens(**options: Any) -> Customer:
        page = open_window(forgiving=True, base_url=url, **options)
        return Customer(page, next(NUMBERS), system.sandbox)

    return opens
