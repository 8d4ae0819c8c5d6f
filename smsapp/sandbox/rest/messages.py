"""Twilio's REST protocol for Messages, as far as the SDK and an app can tell."""

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from smsapp.sandbox.carrier import Carrier
from smsapp.sandbox.errors import TwilioError, not_found, opted_out, queue_full
from smsapp.sandbox.inbound.opt_outs import OptOuts
from smsapp.sandbox.inbox import Inbox
from smsapp.sandbox.message import API_VERSION, FINAL, Message
from smsapp.sandbox.rest import failures
from smsapp.sandbox.rest.message_list import page_of
from smsapp.sandbox.rest.protocol import Protocol, json_answer
from smsapp.sandbox.rest.send_request import read_send_request

MESSAGES = f"/{API_VERSION}/Accounts/<account_sid>/Messages.json"
MESSAGE = f"/{API_VERSION}/Accounts/<account_sid>/Messages/<sid>.json"


def create_blueprint(
    protocol: Protocol, carrier: Carrier, inbox: Inbox, opt_outs: OptOuts
) -> Blueprint:
    """Return the REST protocol over one carrier."""
    bp = Blueprint("rest", __name__)
    protocol.rule(bp, "api.twilio.com")
    config, weather = protocol.config, protocol.weather

    @bp.post(MESSAGES)
    def create(account_sid: str) -> ResponseReturnValue:
        today = weather.trouble()
        failures.refuse(today)
        wanted = read_send_request(request.form, config)
        if opt_outs.holds(wanted.to, wanted.sender or config.from_number):
            raise opted_out()
        if weather["queue_full"]:
            raise queue_full()
        message = carrier.accept(wanted)
        protocol.fail_after(today)
        return json_answer(message.as_twilio(account_sid), 201)

    @bp.get(MESSAGES)
    def page(account_sid: str) -> ResponseReturnValue:
        return json_answer(page_of(inbox, account_sid, request.path, request.args))

    @bp.get(MESSAGE)
    def fetch(account_sid: str, sid: str) -> ResponseReturnValue:
        return json_answer(_found(inbox, sid).as_twilio(account_sid))

    @bp.post(MESSAGE)
    def update(account_sid: str, sid: str) -> ResponseReturnValue:
        message = _found(inbox, sid)
        if request.form.get("Status") == "canceled" and not carrier.cancel(sid):
            raise TwilioError(30409, "This message cannot be canceled", 409)
        if request.form.get("Body") == "":
            if message.status in ("accepted", "scheduled", "queued"):
                raise _unfinished()
            carrier.redact(sid)
        return json_answer(_found(inbox, sid).as_twilio(account_sid))

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


def _found(inbox: Inbox, sid: str) -> Message:
    message = inbox.find(sid)
    # Verify's messages are not the account's: Twilio sends them from its own.
    if message is None or message.is_code:
        raise not_found(request.path)
    return message


def _unfinished() -> TwilioError:
    return TwilioError(20009, "Cannot delete this resource before it is complete", 409)
