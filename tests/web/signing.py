"""What Twilio posts, signed as Twilio signs it; written from its documentation, not its SDK."""

import base64
import hashlib
import hmac
from typing import Any

from flask.testing import FlaskClient

from tests.conftest import ACCOUNT, ALICE, ENVIRONMENT, TOKEN, sid

PATH = "/twilio/status-callback"
BASE = ENVIRONMENT["PUBLIC_BASE_URL"]


def signature(url: str, fields: dict[str, Any], token: str = TOKEN) -> str:
    """Return X-Twilio-Signature: HMAC-SHA1 over the URL and all fields, sorted, with no separators.

    Source: https://www.twilio.com/docs/usage/security#validating-requests
    """
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(
        hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    ).decode()


def receipt(**changes: str | None) -> dict[str, str]:
    """Return a status callback's fields; a change to None leaves the field out."""
    fields = {
        "SmsSid": sid(1),
        "SmsStatus": "delivered",
        "MessageStatus": "delivered",
        "To": ALICE,
        "MessageSid": sid(1),
        "AccountSid": ACCOUNT,
        "From": ENVIRONMENT["TWILIO_FROM_NUMBER"],
        "ApiVersion": "2010-04-01",
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


def post(client: FlaskClient, fields: dict[str, Any], query: str = "", **headers: str) -> Any:
    """Post a callback as Twilio would; a header given replaces the true signature."""
    place = PATH + (f"?{query}" if query else "")
    signed = {"X-Twilio-Signature": signature(BASE + place, fields)}
    return client.post(place, data=fields, headers=signed | headers)
