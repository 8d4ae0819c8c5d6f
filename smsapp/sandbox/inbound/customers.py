"""What customers text: kept, acted on where Twilio itself does, and posted to the app."""

from urllib.parse import urldefrag, urljoin

from sqlalchemy.orm import Session

from smsapp import phone
from smsapp.sandbox import addresses, carrier, inbox
from smsapp.sandbox.callbacks.callback import insert_inbound
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.inbound import opt_outs, twiml
from smsapp.sandbox.inbound.keywords import REPLIES, Keyword, keyword
from smsapp.sandbox.inbound.opt_outs import OptOut
from smsapp.sandbox.message import API_VERSION, Message, Receipt, insert_message, new_message
from smsapp.sandbox.rest.send_request import MAX_BODY
from smsapp.sandbox.whatsapp import inbound as whatsapp
from smsapp.sandbox.whatsapp.samples import SAMPLES
from smsapp.sandbox.whatsapp.send_request import fault_of_words


class BadText(ValueError):
    """A text that no phone would send; its text says why."""


def text(desk: Desk, sender: str, body: str) -> Message:
    """Write to the shop from `sender`: E.164 for a text, or with "whatsapp:" before it.

    Raises:
        BadText: The number cannot be one, or there is nothing to send.
    """
    shop, asked = desk.config.sender_to(sender), keyword(body)
    _check(sender, body, shop)
    if addresses.channel(sender) == "whatsapp":
        return whatsapp.write(desk, sender, body)
    message = new_message("inbound", shop, sender, body, callback_url=desk.config.inbound_webhook)
    with desk.database.write() as db:
        reply = _act(db, message, asked)
        insert_message(db, message)
        insert_inbound(db, desk, message, _fields(desk, message, asked))
    desk.changed()
    if reply:
        carrier.accept(desk, new_message("keyword-reply", sender, shop, REPLIES[reply]))
    return message


def send_sample(desk: Desk, sender: str, name: str) -> Message:
    """Send one of SAMPLES, as an MMS where it is not over WhatsApp.

    Raises:
        BadText: An MMS has no such thing.
    """
    if addresses.channel(sender) == "whatsapp":
        return whatsapp.send_sample(desk, sender, name)
    if not SAMPLES[name].by_mms:
        raise BadText("Only WhatsApp has that.")
    shop, webhook = desk.config.sender_to(sender), desk.config.inbound_webhook
    body = SAMPLES[name].body
    message = new_message("inbound", shop, sender, body, callback_url=webhook)
    media = whatsapp.attach(desk, message, name)
    with desk.database.write() as db:
        insert_message(db, message)
        insert_inbound(db, desk, message, _fields(desk, message, None) | {"NumMedia": "1"} | media)
    desk.changed()
    return message


def obey(desk: Desk, receipt: Receipt, content_type: str, answer: str) -> str:
    """Send what the app answers to a text; return a remark for the phone page."""
    message = inbox.find(desk, receipt.sid)
    if message is None:
        return ""
    shop, customer = message.to_number, message.customer
    try:
        wanted = [reply for reply in twiml.replies(content_type, answer) if reply.body]
    except twiml.BadTwiml as fault:
        return f", but Twilio cannot read it: {fault}"
    if wanted and opt_outs.holds(desk, customer, shop):
        return ", but its reply was blocked: 21610"
    for reply in wanted:
        url = urljoin(urldefrag(receipt.url).url, reply.callback) if reply.callback else None
        body = reply.body[:MAX_BODY]
        sent = new_message("outbound-reply", customer, shop, body, callback_url=url)
        on_whatsapp = sent.channel == "whatsapp"
        carrier.accept(desk, sent, fault_of_words(desk, sent) if on_whatsapp else None)
    return ""


def _check(sender: str, body: str, shop: str) -> None:
    try:
        phone.parse_e164(addresses.number(sender))
    except phone.InvalidPhone as error:
        raise BadText(str(error)) from None
    if sender == shop:
        raise BadText("That is the shop’s own number.")
    if not body.strip():
        raise BadText("There is nothing to send yet.")
    if len(body) > MAX_BODY:
        raise BadText(f"A text has at most {MAX_BODY} characters.")


def _act(db: Session, message: Message, asked: Keyword | None) -> Keyword | None:
    """Do what Twilio does by itself; return the keyword that it answers, if it does.

    Nothing is answered where nothing changes, and nothing to somebody who has opted out.
    """
    customer, shop, now = message.customer, message.to_number, message.created_at
    stopped = db.get(OptOut, (customer, shop))
    if asked == "STOP" and not stopped:
        db.add(OptOut(customer=customer, sender=shop, at=now))
    elif asked == "START" and stopped:
        db.delete(stopped)
    elif asked != "HELP" or stopped:
        return None
    return asked


def _fields(desk: Desk, message: Message, asked: Keyword | None) -> dict[str, str]:
    """Return the webhook's fields in Twilio's order; what is not known is sent blank."""
    fields = {
        "ToCountry": phone.country(message.to_number),
        "ToState": "",
        "SmsMessageSid": message.sid,
        "NumMedia": "0",
        "ToCity": "",
        "FromZip": "",
        "SmsSid": message.sid,
        "FromState": "",
        "SmsStatus": "received",
        "FromCity": "",
        "Body": message.body,
        "FromCountry": phone.country(message.customer),
        "To": message.to_number,
        "ToZip": "",
        "NumSegments": str(message.segments),
        "MessageSid": message.sid,
        "AccountSid": desk.config.account_sid,
        "From": message.customer,
        "ApiVersion": API_VERSION,
    }
    if asked and desk.weather["advanced_opt_out"]:
        fields = {"OptOutType": asked, **fields}
    return fields
