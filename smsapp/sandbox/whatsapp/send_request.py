"""Reading a request to send over WhatsApp: what Twilio refuses, and what WhatsApp does later."""

import json
import re
from collections.abc import Mapping

from smsapp.phone import InvalidPhone, parse_e164
from smsapp.sandbox import addresses
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.errors import TwilioError
from smsapp.sandbox.message import Extra, Message, new_message
from smsapp.sandbox.rest.send_request import MAX_BODY, check_service, read_callback
from smsapp.sandbox.whatsapp import templates, windows
from smsapp.sandbox.whatsapp.content import Content

MAX_CHARACTERS = 1024
_BAD_VALUE = re.compile(r"\s*|.*([\n\r\t]| {5}).*", re.DOTALL)
# By how the approval stands; one that is still waiting is no template yet.
_NOT_APPROVED = {"rejected": 63027, "paused": 63041, "disabled": 63042}


def is_for_whatsapp(form: Mapping[str, str]) -> bool:
    """Return whether a request names WhatsApp at either end."""
    return "whatsapp" in {addresses.channel(form.get(name, "")) for name in ("To", "From")}


def read(form: Mapping[str, str], desk: Desk) -> tuple[Message, int | None]:
    """Return the message that a form asks for, and the code it is going to fail with, if it is.

    Raises:
        TwilioError: The first objection, as Twilio would give it.
    """
    to, sender, body = form.get("To", ""), form.get("From") or None, form.get("Body", "")
    service_sid = form.get("MessagingServiceSid") or None
    if not to:
        raise TwilioError(21604)
    if not sender and not service_sid:
        raise TwilioError(21603)
    if sender and addresses.channel(sender) != addresses.channel(to):
        raise TwilioError(21910)
    content = _content(desk, form.get("ContentSid", ""))
    values = _values(form.get("ContentVariables", ""))
    if values and not content:
        raise TwilioError(92005)
    if not body and not content:
        raise TwilioError(21602)
    if len(body) > MAX_BODY:
        raise TwilioError(21617, limit=MAX_BODY)
    try:
        parse_e164(addresses.number(to))
    except InvalidPhone:
        raise TwilioError(21211, to=to) from None
    check_service(service_sid)
    if sender == to:
        raise TwilioError(63031)
    if sender and sender != desk.config.sender_to(to):
        raise TwilioError(63007)
    callback = read_callback(form.get("StatusCallback"))
    if content is None:
        message = new_message("outbound-api", to, sender, body, service_sid, callback)
        return message, fault_of_words(desk, message)
    words = content.filled(values)
    message = new_message("outbound-api", to, sender, words, service_sid, callback)
    message.extra = Extra(sid=message.sid, content_sid=content.sid, buttons=content.buttons)
    # With a body beside it, WhatsApp takes neither for a template.
    return message, 63016 if body else _fault_of_template(content, values)


def fault_of_words(desk: Desk, message: Message) -> int | None:
    """Return why WhatsApp does not take words of the shop's own, if it does not."""
    if not windows.is_open(desk, message.customer):
        return 63016
    return 63021 if len(message.body) > MAX_CHARACTERS else None


def _fault_of_template(content: Content, values: Mapping[str, str]) -> int | None:
    if content.status != "approved":
        return _NOT_APPROVED.get(content.status, 63016)
    if values.keys() != content.gaps:
        return 63028
    if any(_BAD_VALUE.fullmatch(value) for value in values.values()):
        return 63013
    return 63021 if len(content.filled(values)) > MAX_CHARACTERS else None


def _content(desk: Desk, sid: str) -> Content | None:
    """Return the template that is named; None: none is."""
    content = templates.find(desk, sid) if sid else None
    if sid and content is None:
        raise TwilioError(21655)
    return content


def _values(text: str) -> dict[str, str]:
    """Return what is to fill the gaps: a JSON object, of strings alone."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        raise TwilioError(21656) from None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise TwilioError(21656)
    return found
