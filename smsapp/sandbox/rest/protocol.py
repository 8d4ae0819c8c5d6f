"""What all of Twilio's REST addresses share: signing in, headers, errors, JSON."""

import hmac
import re
import secrets
import time
from collections.abc import Callable

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.desk import this_desk
from smsapp.sandbox.errors import TwilioError

# When everything was made that never changes.
MADE_AT = 1_577_836_800.0


def list_page(key: str, rows: list[dict[str, object]]) -> dict[str, object]:
    """Return a whole list of the 2010 API as its only page."""
    return {
        key: rows,
        "first_page_uri": request.path,
        "next_page_uri": None,
        "previous_page_uri": None,
        "page": 0,
        "page_size": 50,
        "start": 0,
        "end": max(len(rows) - 1, 0),
        "uri": request.path,
    }


def speak_as(domain: str, bp: Blueprint) -> None:
    """Make a blueprint answer as `domain` does, such as "api.twilio.com"."""
    bp.before_request(_sign_in)
    bp.register_error_handler(TwilioError, _refuse)
    bp.after_request(_headers_of(domain))


def know_only(prefix: str, known: str | None) -> None:
    """Refuse to know of any service but the account's own; None lets any pass.

    Twilio leaves the version out of the address that it repeats.
    """
    sid = (request.view_args or {}).get("service_sid", "")
    if not re.fullmatch(f"{prefix}[0-9a-fA-F]{{32}}", sid) or known not in (None, sid):
        raise nothing_here()


def nothing_here() -> TwilioError:
    """Return what Twilio says about an address that leads nowhere."""
    return TwilioError(20404, path=re.sub(r"^/v\d", "", request.path))


def _sign_in() -> None:
    g.started = time.monotonic()
    weather, config = this_desk().weather, this_desk().config
    if latency := weather["latency_ms"]:
        time.sleep(latency / 1000)
    account_sid = (request.view_args or {}).get("account_sid", config.account_sid)
    if weather["credentials_refused"] or not _signed_in(config, account_sid):
        raise TwilioError(20003)


def _signed_in(config: SandboxConfig, account_sid: str) -> bool:
    given = request.authorization
    if given is None or given.type != "basic" or account_sid != config.account_sid:
        return False
    secret = {
        config.account_sid: config.auth_token,
        config.api_key_sid: config.api_key_secret,
    }.get(given.username)
    return bool(secret) and hmac.compare_digest(
        str(secret).encode(), (given.password or "").encode()
    )


def _refuse(error: TwilioError) -> ResponseReturnValue:
    return error.body(), error.status, error.headers


def _headers_of(domain: str) -> Callable[[Response], Response]:
    def add_headers(response: Response) -> Response:
        spent = time.monotonic() - g.get("started", time.monotonic())
        response.headers["Twilio-Request-Id"] = "RQ" + secrets.token_hex(16)
        response.headers["Twilio-Concurrent-Requests"] = "1"
        response.headers["Twilio-Request-Duration"] = f"{spent:.3f}"
        response.headers["X-Home-Region"] = "us1"
        response.headers["X-API-Domain"] = domain
        return response

    return add_headers
