"""Verify v2's REST protocol. One port serves it and Messages: only the host differs at Twilio."""

import re
from collections.abc import Mapping

import phonenumbers
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from smsapp import mail_address
from smsapp.mail_address import InvalidAddress
from smsapp.phone import InvalidPhone, parse_e164
from smsapp.sandbox.desk import this_desk
from smsapp.sandbox.errors import VERIFY_TEST_NUMBERS, TwilioError
from smsapp.sandbox.message import iso_seconds
from smsapp.sandbox.rest.protocol import MADE_AT, know_only, nothing_here, speak_as
from smsapp.sandbox.verify import service as verify

SERVICE = "/Services/<service_sid>"
CHANNELS = ("sms", "call", "whatsapp", "email")
OTHER_CHANNELS = frozenset({"sna", "auto", "rcs", "silent_network_auth"})
_CODE = re.compile(r"[0-9A-Za-z]{4,10}")
# Source: https://www.twilio.com/docs/verify/supported-languages
_LOCALES = {
    *("af", "ar", "ca", "cs", "da", "de", "el", "en", "en-GB", "es", "et", "fi", "fr", "he", "hi"),
    *("hr", "hu", "id", "it", "ja", "kn", "ko", "lt", "mr", "ms", "nb", "nl", "pl", "pt", "pt-BR"),
    *("ro", "ru", "sk", "sv", "te", "th", "tl", "tr", "uk", "vi", "zh", "zh-CN", "zh-HK"),
}


bp = Blueprint("verify", __name__, url_prefix="/v2")
speak_as("verify.twilio.com", bp)


@bp.before_request
def know_the_service() -> None:
    """Refuse to know of any but the account's own, and be out of order when the weather is."""
    know_only("VA", this_desk().config.verify_service_sid)
    if this_desk().weather.strikes("verify_unavailable"):
        raise TwilioError(20503)


@bp.get(SERVICE)
def service(service_sid: str) -> ResponseReturnValue:
    """Show the service."""
    config, url = this_desk().config, f"https://verify.twilio.com{request.path}"
    made = iso_seconds(MADE_AT)
    return {
        "sid": service_sid,
        "account_sid": config.account_sid,
        "friendly_name": config.verify_friendly_name,
        "code_length": verify.CODE_DIGITS,
        **dict.fromkeys(("lookup_enabled", "psd2_enabled", "skip_sms_to_landlines"), False),
        **dict.fromkeys(("dtmf_input_required", "do_not_share_warning_enabled"), False),
        "custom_code_enabled": False,
        "verify_event_subscription_enabled": False,
        **dict.fromkeys(("tts_name", "default_template_sid")),
        **dict.fromkeys(("push", "totp", "whatsapp", "passkeys")),
        "date_created": made,
        "date_updated": made,
        "url": url,
        "links": {"verifications": f"{url}/Verifications"},
    }


@bp.post(f"{SERVICE}/Verifications")
def send(service_sid: str) -> ResponseReturnValue:
    """Send a code."""
    to, channel = _read(request.form)
    _refuse(to, channel)
    sent = verify.send(this_desk(), service_sid, to, channel, request.form.get("Locale", ""))
    return sent.as_twilio(this_desk().config.account_sid), 201


@bp.post(f"{SERVICE}/Verifications/<sid>")
def cancel(service_sid: str, sid: str) -> ResponseReturnValue:
    """Cancel a verification."""
    status = request.form.get("Status", "")
    if status != "canceled":
        raise TwilioError(60200, parameter="Status", value=status)
    found = verify.cancel(this_desk(), service_sid, sid)
    if found is None:
        raise nothing_here()
    return found.as_twilio(this_desk().config.account_sid)


@bp.post(f"{SERVICE}/VerificationCheck")
def check(service_sid: str) -> ResponseReturnValue:
    """Check a code."""
    sid, code = request.form.get("VerificationSid"), request.form.get("Code", "")
    if not sid:
        raise TwilioError(60221)
    if not _CODE.fullmatch(code):
        raise TwilioError(60200, parameter="Code", value="")
    found = verify.check(this_desk(), service_sid, sid, code)
    if found is None:
        raise nothing_here()
    return found.check_as_twilio(this_desk().config.account_sid)


@bp.route("/<path:rest>", methods=["GET", "POST", "DELETE"])
def not_learnt(rest: str) -> ResponseReturnValue:
    """Answer for all that the sandbox has not learnt."""
    raise nothing_here()


def _read(form: Mapping[str, str]) -> tuple[str, str]:
    """Return to whom a code goes, and how."""
    to, channel = form.get("To", ""), form.get("Channel", "")
    try:
        mail_address.parse(to) if channel == "email" else parse_e164(to)
    except (InvalidPhone, InvalidAddress):
        raise TwilioError(60200, parameter="To", value=to) from None
    if channel == "email" and this_desk().weather["verify_no_mailer"]:
        raise TwilioError(60217)
    switched_off = channel == "whatsapp" and this_desk().weather["verify_whatsapp_off"]
    if channel in OTHER_CHANNELS or switched_off:
        # Verify has it, and the service does not.
        raise TwilioError(60223, channel=channel.upper())
    if channel not in CHANNELS:
        raise TwilioError(60200, parameter="Channel", value=channel)
    if form.get("Locale") and form["Locale"] not in _LOCALES:
        raise TwilioError(60200, parameter="Locale", value=form["Locale"])
    return to, channel


def _refuse(to: str, channel: str) -> None:
    """Raise what keeps a number from being sent a code, if anything does."""
    weather = this_desk().weather
    if to in VERIFY_TEST_NUMBERS:
        raise TwilioError(VERIFY_TEST_NUMBERS[to], parameter="To", value=to)
    if weather["verify_blocked"]:
        raise TwilioError(60410)
    if weather["verify_geo_blocked"]:
        raise TwilioError(60605)
    if channel == "sms" and (weather["verify_landline"] or _is_landline(to)):
        raise TwilioError(60205)


def _is_landline(number: str) -> bool:
    """Return whether it is known to be one; North American numbers do not tell."""
    kind = phonenumbers.number_type(phonenumbers.parse(number))
    return kind == phonenumbers.PhoneNumberType.FIXED_LINE
