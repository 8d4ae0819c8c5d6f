"""What Twilio posts about calls, signed; callbacks.py has what it says."""

from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask

from tests.conftest import ACCOUNT, ALICE, settings_of
from tests.voice.callbacks import CALLER, SAID
from tests.web.conftest import make_person, support  # noqa: F401  who works in the console
from tests.web.signing import BASE, signature

VOICE = "+15005550006"


def call_sid(number: int = 1) -> str:
    return f"CA{number:032x}"


def fields(name: str, **changes: Any) -> dict[str, str]:
    """Return what Twilio says, of our account and of Alice's call."""
    found: dict[str, str] = SAID[name] | {"AccountSid": ACCOUNT, "CallSid": call_sid()}
    number = {CALLER: ALICE}
    found = {field: number.get(value, value) for field, value in found.items()}
    return {field: value for field, value in (found | changes).items() if value is not None}


class Twilio:
    """Twilio's side of a call, at the app's doors."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def posts(self, path: str, said: dict[str, str], **headers: str) -> Any:
        signed = {"X-Twilio-Signature": signature(f"{BASE}{path}", said)}
        return self.client.post(path, data=said, headers=signed | headers)

    def asks(self, path: str, said: dict[str, str]) -> ElementTree.Element:
        """Return what the app says, which is TwiML."""
        answer = self.posts(path, said)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
        return ElementTree.fromstring(answer.text)


@pytest.fixture
def line(app: Flask) -> Any:
    """A line to a shop that calls and takes calls."""
    with settings_of(app, TWILIO_VOICE_FROM=VOICE, QUIET_HOURS="none", CALLS_PER_SECOND="10000"):
        yield Twilio(app)


def verbs(document: ElementTree.Element) -> list[str]:
    return [each.tag for each in document]


def words(document: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in document.iter("Say")]
