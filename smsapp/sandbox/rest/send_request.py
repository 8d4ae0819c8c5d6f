"""Reading a request to send the way Twilio reads it, with Twilio's objections."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from smsapp.phone import InvalidPhone, parse_e164
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.errors import TEST_RECIPIENTS, TEST_SENDER, TEST_SENDERS, TwilioError
from smsapp.sandbox.message import Message, new_message

MAX_BODY = 1600  # characters
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")


def read_send_request(form: Mapping[str, str], config: SandboxConfig) -> Message:
    """Return the text that a form asks for.

    Raises:
        TwilioError: The first objection, as Twilio would give it.
    """
    to, sender, body = form.get("To", ""), form.get("From") or None, form.get("Body", "")
    service_sid = form.get("MessagingServiceSid") or None
    if not to:
        # Also what a JSON body gets: Twilio reads forms only.
        raise TwilioError(21604)
    if not sender and not service_sid:
        raise TwilioError(21603)
    if not body:
        raise TwilioError(21602)
    if len(body) > MAX_BODY:
        raise TwilioError(21617, limit=MAX_BODY)
    try:
        parse_e164(to)
    except InvalidPhone:
        raise TwilioError(21211, to=to) from None
    check_service(service_sid)
    if sender:
        _check_sender(sender, to, config)
    if to in TEST_RECIPIENTS:
        raise TwilioError(TEST_RECIPIENTS[to], to=to, sender=sender or "")
    callback = read_callback(form.get("StatusCallback"))
    return new_message("outbound-api", to, sender, body, service_sid, callback)


def check_service(sid: str | None) -> None:
    """Refuse what cannot be a Messaging Service."""
    if sid and not _SERVICE.fullmatch(sid):
        raise TwilioError(21701, sid=sid)


def _check_sender(sender: str, to: str, config: SandboxConfig) -> None:
    if sender in TEST_SENDERS:
        raise TwilioError(TEST_SENDERS[sender], sender=sender)
    try:
        parse_e164(sender)
    except InvalidPhone:
        raise TwilioError(21212, sender=sender) from None
    if sender not in (config.from_number, TEST_SENDER):
        raise TwilioError(21606, sender=sender)
    if sender == to:
        raise TwilioError(21211, "'To' and 'From' number cannot be the same")


def read_callback(url: str | None) -> str | None:
    """Check an address for receipts; its fragment is kept, it steers the posting.

    Unlike Twilio, the sandbox takes this machine's own names and ports.
    """
    if not url:
        return None
    try:
        address = urlsplit(url)
        host, _ = address.hostname or "", address.port
    except ValueError:
        host = ""
    # A host with an underscore is refused by Twilio too.
    if not host or "_" in host or address.scheme not in ("http", "https") or not url.isascii():
        raise TwilioError(21609, url=url)
    return url
