"""What Twilio says about the account itself: its state, its numbers, its Messaging Service."""

import re

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.errors import not_found
from smsapp.sandbox.message import API_VERSION
from smsapp.sandbox.rest.protocol import Protocol, json_answer

ACCOUNT = f"/{API_VERSION}/Accounts/<account_sid>"
SERVICE = "/v1/Services/<service_sid>"
_SERVICE_SID = re.compile(r"MG[0-9a-fA-F]{32}")
# The same at every start: nothing else is asked about them.
NUMBER_SID = "PN" + "0" * 32


def create_blueprints(protocol: Protocol) -> tuple[Blueprint, Blueprint]:
    """Return the account's addresses and the Messaging Service's, two hosts at Twilio."""
    return _account(protocol), _service(protocol)


def _account(protocol: Protocol) -> Blueprint:
    bp = Blueprint("account_rest", __name__)
    protocol.rule(bp, "api.twilio.com")
    config = protocol.config

    @bp.get(f"{ACCOUNT}.json")
    def account(account_sid: str) -> ResponseReturnValue:
        return json_answer(
            {
                "sid": account_sid,
                "friendly_name": "Sandbox",
                "owner_account_sid": account_sid,
                "status": config.account_status,
                "type": config.account_type,
                "uri": request.path,
            }
        )

    @bp.get(f"{ACCOUNT}/IncomingPhoneNumbers.json")
    def numbers(account_sid: str) -> ResponseReturnValue:
        asked = request.args.get("PhoneNumber", "").removeprefix("+")
        # Twilio finds parts of a number, too.
        found = [_number(config, account_sid)] if asked in config.from_number else []
        return json_answer(
            {
                "incoming_phone_numbers": found,
                "first_page_uri": request.path,
                "next_page_uri": None,
                "previous_page_uri": None,
                "page": 0,
                "page_size": 50,
                "start": 0,
                "end": max(0, len(found) - 1),
                "uri": request.path,
            }
        )

    return bp


def _service(protocol: Protocol) -> Blueprint:
    bp = Blueprint("service_rest", __name__)
    protocol.rule(bp, "messaging.twilio.com")
    config = protocol.config

    @bp.before_request
    def know_the_service() -> None:
        sid = (request.view_args or {}).get("service_sid", "")
        if not _SERVICE_SID.fullmatch(sid) or config.messaging_service_sid not in (None, sid):
            raise not_found(request.path.removeprefix("/v1"))

    @bp.get(SERVICE)
    def service(service_sid: str) -> ResponseReturnValue:
        return json_answer(
            {
                "sid": service_sid,
                "account_sid": config.account_sid,
                "friendly_name": "Sandbox",
                "inbound_request_url": config.inbound_webhook,
                "inbound_method": config.inbound_method,
                "use_inbound_webhook_on_number": False,
                "url": f"https://messaging.twilio.com{request.path}",
            }
        )

    @bp.get(f"{SERVICE}/PhoneNumbers")
    def numbers(service_sid: str) -> ResponseReturnValue:
        number: dict[str, object] = {
            "sid": NUMBER_SID,
            "account_sid": config.account_sid,
            "service_sid": service_sid,
            "phone_number": config.from_number,
            "country_code": "US",
            "capabilities": ["SMS"] if config.number_sends_texts else [],
        }
        return json_answer(_page("phone_numbers", [number]))

    @bp.get(f"{SERVICE}/ShortCodes")
    def short_codes(service_sid: str) -> ResponseReturnValue:
        return json_answer(_page("short_codes", []))

    return bp


def _number(config: SandboxConfig, account_sid: str) -> dict[str, object]:
    texts = config.number_sends_texts
    return {
        "sid": NUMBER_SID,
        "account_sid": account_sid,
        "friendly_name": "Sandbox",
        "phone_number": config.from_number,
        "capabilities": {"voice": False, "sms": texts, "mms": texts, "fax": False},
        "sms_url": config.inbound_webhook or "",
        "sms_method": config.inbound_method,
        "sms_application_sid": "",
        "sms_fallback_url": "",
        "sms_fallback_method": "POST",
        "status_callback": "",
        "status": "in-use",
        "api_version": API_VERSION,
        "uri": f"/{API_VERSION}/Accounts/{account_sid}/IncomingPhoneNumbers/{NUMBER_SID}.json",
    }


def _page(key: str, rows: list[dict[str, object]]) -> dict[str, object]:
    """Return a page as Twilio's newer APIs do."""
    url = f"https://messaging.twilio.com{request.path}"
    meta = {
        "page": 0,
        "page_size": 50,
        "first_page_url": url,
        "previous_page_url": None,
        "url": url,
        "next_page_url": None,
        "key": key,
    }
    return {key: rows, "meta": meta}
