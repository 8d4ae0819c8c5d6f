"""People who work in the console, each in a browser of their own."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from smsapp import operators
from smsapp.extensions import limiter
from smsapp.models import Role

PASSWORD = "correct horse battery staple"


@dataclass
class Person:
    """Somebody before the console."""

    client: FlaskClient
    name: str

    def signs_in(self, password: str = PASSWORD, **fields: str) -> Any:
        page = self.client.get("/console/sign-in", base_url=HTTPS).text
        form = {"name": self.name, "password": password, "csrf_token": token_in(page)} | fields
        return self.client.post("/console/sign-in", data=form, base_url=HTTPS, headers=REFERER)

    def sees(self, path: str) -> Any:
        return self.client.get(path, base_url=HTTPS)

    def posts(self, path: str, **fields: str) -> Any:
        """Post a form of the console's, with the token that its pages carry."""
        token = token_in(self.sees("/console/").text)
        return self.client.post(path, data={"csrf_token": token} | fields, base_url=HTTPS)


# Cookies are for HTTPS alone.
HTTPS = "https://sms.example.com"
REFERER = {"Referer": f"{HTTPS}/console/sign-in"}


def token_in(page: str) -> str:
    """Return the token of a page's first form."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    return found.group(1) if found else ""


@pytest.fixture
def make_person(app: Flask, cheap_hashes: None) -> Callable[..., Person]:
    """Make an operator's account and open a browser; they are not signed in yet."""

    def make(name: str, role: Role) -> Person:
        with app.app_context():
            limiter.reset()
            operators.create(name, role, PASSWORD)
        return Person(app.test_client(), name)

    return make


@pytest.fixture
def operator(make_person: Callable[..., Person]) -> Person:
    """Olga, who may act; she is signed in."""
    olga = make_person("olga", Role.OPERATOR)
    assert olga.signs_in().status_code == 303
    return olga


@pytest.fixture
def support(make_person: Callable[..., Person]) -> Person:
    """Sam, who may look; he is signed in."""
    sam = make_person("sam", Role.SUPPORT)
    assert sam.signs_in().status_code == 303
    return sam
