"""The account itself: its state, its number, its Messaging Service.

With every field that Twilio's own descriptions have, so that no client misses one; what nothing
here depends on is as in an account that was made and never changed.
"""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from smsapp.sandbox.desk import this_desk
from smsapp.sandbox.message import API_VERSION, iso_seconds, rfc2822
from smsapp.sandbox.rest.protocol import MADE_AT, know_only, list_page, speak_as

ACCOUNT = f"/{API_VERSION}/Accounts/<account_sid>"
SERVICE = "/v1/Services/<service_sid>"
# The same at every start: nothing else is asked about it.
NUMBER_SID = "PN" + "0" * 32
MADE = {"date_created": rfc2822(MADE_AT), "date_updated": rfc2822(MADE_AT)}
MADE_ISO = {"date_created": iso_seconds(MADE_AT), "date_updated": iso_seconds(MADE_AT)}
SUBRESOURCES = {"messages": "Messages", "incoming_phone_numbers": "IncomingPhoneNumbers"}

bp = Blueprint("account", __name__)
speak_as("api.twilio.com", bp)
service_bp = Blueprint("messaging_service", __name__)
speak_as("messaging.twilio.com", service_bp)


@bp.get(f"{ACCOUNT}.json")
def account(account_sid: str) -> ResponseReturnValue:
    """Show the account."""
    config = this_desk().config
    return {
        "sid": account_sid,
        "friendly_name": "Sandbox",
        "owner_account_sid": account_sid,
        "auth_token": "*" * 32,  # whoever asks has signed in, and perhaps with a key alone
        "status": config.account_status,
        "type": config.account_type,
        **MADE,
        "subresource_uris": {
            name: f"/{API_VERSION}/Accounts/{account_sid}/{file}.json"
            for name, file in SUBRESOURCES.items()
        },
        "uri": request.path,
    }


@bp.get(f"{ACCOUNT}/IncomingPhoneNumbers.json")
def numbers(account_sid: str) -> ResponseReturnValue:
    """List the account's number, if it is asked for; Twilio finds parts of one, too."""
    config = this_desk().config
    asked, texts = request.args.get("PhoneNumber", "").removeprefix("+"), config.number_sends_texts
    takes_calls = config.voice_number == config.from_number
    number = {
        "sid": NUMBER_SID,
        "account_sid": account_sid,
        "friendly_name": "Sandbox",
        "phone_number": config.from_number,
        "capabilities": {"voice": takes_calls, "sms": texts, "mms": texts, "fax": False},
        "sms_url": config.inbound_webhook or "",
        "sms_method": config.inbound_method,
        "sms_application_sid": "",
        "sms_fallback_url": "",
        "sms_fallback_method": "POST",
        "voice_url": config.voice_url or "",
        "voice_fallback_url": config.voice_fallback_url or "",
        "status_callback": config.voice_status_url or "",
        **dict.fromkeys(
            ("status_callback_method", "voice_method", "voice_fallback_method"), "POST"
        ),
        "voice_application_sid": "",
        "voice_caller_id_lookup": False,
        "voice_receive_mode": "voice",
        "trunk_sid": None,
        "address_requirements": "none",
        **dict.fromkeys(("address_sid", "identity_sid", "bundle_sid", "emergency_address_sid")),
        "emergency_status": "Inactive",
        "emergency_address_status": "unregistered",
        "beta": False,
        "origin": "twilio",
        "status": "in-use",
        "type": "local",
        **MADE,
        "api_version": API_VERSION,
        "uri": f"/{API_VERSION}/Accounts/{account_sid}/IncomingPhoneNumbers/{NUMBER_SID}.json",
    }
    return list_page("incoming_phone_numbers", [number] if asked in config.from_number else [])


@service_bp.before_request
def know_the_service() -> None:
    """Refuse to know of any but the account's own."""
    know_only("MG", this_desk().config.messaging_service_sid)


@service_bp.get(SERVICE)
def service(service_sid: str) -> ResponseReturnValue:
    """Show the Messaging Service."""
    config, url = this_desk().config, f"https://messaging.twilio.com{request.path}"
    return {
        "sid": service_sid,
        "account_sid": config.account_sid,
        "friendly_name": "Sandbox",
        "inbound_request_url": config.inbound_webhook,
        "inbound_method": config.inbound_method,
        "use_inbound_webhook_on_number": False,
        "fallback_url": None,
        "fallback_method": "POST",
        "status_callback": None,
        **dict.fromkeys(("sticky_sender", "mms_converter", "fallback_to_long_code"), True),
        **dict.fromkeys(("smart_encoding", "area_code_geomatch", "synchronous_validation"), False),
        "scan_message_content": "inherit",
        "validity_period": 14400,
        "usecase": "undeclared",
        "us_app_to_person_registered": False,
        **MADE_ISO,
        "url": url,
        "links": {"phone_numbers": f"{url}/PhoneNumbers", "short_codes": f"{url}/ShortCodes"},
    }


@service_bp.get(f"{SERVICE}/PhoneNumbers")
def phone_numbers(service_sid: str) -> ResponseReturnValue:
    """List the service's senders: the account's number."""
    config = this_desk().config
    number: dict[str, object] = {
        "sid": NUMBER_SID,
        "account_sid": config.account_sid,
        "service_sid": service_sid,
        "phone_number": config.from_number,
        "country_code": "US",
        "capabilities": ["SMS"] if config.number_sends_texts else [],
        **MADE_ISO,
        "url": f"https://messaging.twilio.com{request.path}/{NUMBER_SID}",
    }
    return _page("phone_numbers", [number])


@service_bp.get(f"{SERVICE}/ShortCodes")
def short_codes(service_sid: str) -> ResponseReturnValue:
    """List the service's short codes: none."""
    return _page("short_codes", [])


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
