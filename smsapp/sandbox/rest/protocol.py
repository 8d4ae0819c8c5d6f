"""What all of Twilio's REST addresses share: signing in, headers, errors, JSON."""

import hmac
import json
import secrets
import socket
import threading
import time
from dataclasses import dataclass

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.errors import TwilioError, unauthorized
from smsapp.sandbox.rest import failures
from smsapp.sandbox.weather import Weather


@dataclass(frozen=True, slots=True)
class Protocol:
    """One account's manners, for any of the APIs. `stopping` ends what hangs."""

    config: SandboxConfig
    weather: Weather
    stopping: threading.Event

    def rule(self, bp: Blueprint, domain: str) -> None:
        """Make a blueprint answer as `domain` does, such as "api.twilio.com"."""
        bp.before_request(self._sign_in)
        bp.register_error_handler(TwilioError, _refuse)

        @bp.after_request
        def dress(response: Response) -> Response:
            response.headers["Twilio-Request-Id"] = "RQ" + secrets.token_hex(16)
            response.headers["Twilio-Concurrent-Requests"] = "1"
            spent = time.monotonic() - g.get("started", time.monotonic())
            response.headers["Twilio-Request-Duration"] = f"{spent:.3f}"
            response.headers["X-Home-Region"] = "us1"
            response.headers["X-API-Domain"] = domain
            return response

    def fail_after(self, today: str | None) -> None:
        """Spoil the answer to what has been accepted, if the trouble is of that kind."""
        if today:
            failures.fail_after(today, _socket(), self.config.hang_seconds, self.stopping)

    def _sign_in(self) -> None:
        g.started = time.monotonic()
        time.sleep(self.weather["latency_ms"] / 1000)
        account_sid = (request.view_args or {}).get("account_sid", self.config.account_sid)
        if self.weather["credentials_refused"] or not _signed_in(self.config, account_sid):
            raise unauthorized()


def json_answer(
    body: dict[str, object], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return JSON with its keys in Twilio's order."""
    return Response(json.dumps(body), status, headers, content_type="application/json")


def _refuse(error: TwilioError) -> ResponseReturnValue:
    return json_answer(error.body(), error.status, dict(error.headers))


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


def _socket() -> socket.socket:
    """Return the connection of this request, from whichever server serves it."""
    environ = request.environ
    client: socket.socket = environ.get("gunicorn.socket") or environ["werkzeug.socket"]
    return client
