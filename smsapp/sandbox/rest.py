"""Twilio's REST protocol for Messages, as far as the SDK and an app can tell."""

import hmac
import json
import secrets
import socket
import threading
import time

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from smsapp.sandbox import trouble
from smsapp.sandbox.carrier import Carrier
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.errors import TwilioError, not_found, queue_full, unauthorized
from smsapp.sandbox.inbox import Inbox
from smsapp.sandbox.message import API_VERSION, FINAL, Message
from smsapp.sandbox.orders import read_order
from smsapp.sandbox.pages import page_of
from smsapp.sandbox.weather import Weather

MESSAGES = f"/{API_VERSION}/Accounts/<account_sid>/Messages.json"
MESSAGE = f"/{API_VERSION}/Accounts/<account_sid>/Messages/<sid>.json"


def create_blueprint(
    config: SandboxConfig,
    carrier: Carrier,
    inbox: Inbox,
    weather: Weather,
    stopping: threading.Event,
) -> Blueprint:
    """Return the REST protocol over one carrier."""
    bp = Blueprint("rest", __name__)

    @bp.before_request
    def sign_in() -> None:
        g.started = time.monotonic()
        time.sleep(weather["latency_ms"] / 1000)
        account_sid = (request.view_args or {}).get("account_sid", config.account_sid)
        if weather["credentials_refused"] or not _signed_in(config, account_sid):
            raise unauthorized()

    @bp.after_request
    def dress(response: Response) -> Response:
        response.headers["Twilio-Request-Id"] = "RQ" + secrets.token_hex(16)
        response.headers["Twilio-Concurrent-Requests"] = "1"
        spent = time.monotonic() - g.get("started", time.monotonic())
        response.headers["Twilio-Request-Duration"] = f"{spent:.3f}"
        response.headers["X-Home-Region"] = "us1"
        response.headers["X-API-Domain"] = "api.twilio.com"
        return response

    @bp.errorhandler(TwilioError)
    def refuse(error: TwilioError) -> ResponseReturnValue:
        return _json(error.body(), error.status, dict(error.headers))

    @bp.post(MESSAGES)
    def create(account_sid: str) -> ResponseReturnValue:
        today = weather.trouble()
        trouble.refuse(today)
        order = read_order(request.form, config)
        if weather["queue_full"]:
            raise queue_full()
        message = carrier.accept(order)
        if today:
            trouble.fail_after(today, _socket(), config.hang_seconds, stopping)
        return _json(message.as_twilio(account_sid), 201)

    @bp.get(MESSAGES)
    def page(account_sid: str) -> ResponseReturnValue:
        return _json(page_of(inbox, account_sid, request.path, request.args))

    @bp.get(MESSAGE)
    def fetch(account_sid: str, sid: str) -> ResponseReturnValue:
        return _json(_found(inbox, sid).as_twilio(account_sid))

    @bp.post(MESSAGE)
    def update(account_sid: str, sid: str) -> ResponseReturnValue:
        message = _found(inbox, sid)
        if request.form.get("Status") == "canceled" and not carrier.cancel(sid):
            raise TwilioError(30409, "This message cannot be canceled", 409)
        if request.form.get("Body") == "":
            if message.status in ("accepted", "scheduled", "queued"):
                raise _unfinished()
            carrier.redact(sid)
        return _json(_found(inbox, sid).as_twilio(account_sid))

    @bp.delete(MESSAGE)
    def delete(account_sid: str, sid: str) -> ResponseReturnValue:
        if _found(inbox, sid).status not in FINAL:
            raise _unfinished()
        carrier.delete(sid)
        return Response(status=204)

    @bp.route(f"/{API_VERSION}/<path:rest>", methods=["GET", "POST", "DELETE"])
    def nothing_here(rest: str) -> ResponseReturnValue:
        raise not_found(request.path)

    return bp


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


def _found(inbox: Inbox, sid: str) -> Message:
    message = inbox.find(sid)
    if message is None:
        raise not_found(request.path)
    return message


def _unfinished() -> TwilioError:
    return TwilioError(20009, "Cannot delete this resource before it is complete", 409)


def _socket() -> socket.socket:
    """Return the connection of this request, from whichever server serves it."""
    environ = request.environ
    client: socket.socket = environ.get("gunicorn.socket") or environ["werkzeug.socket"]
    return client


def _json(
    body: dict[str, object], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(json.dumps(body), status, headers, content_type="application/json")
