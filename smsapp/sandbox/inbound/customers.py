"""What customers text: kept, acted on where Twilio itself does, and posted to the app."""

from urllib.parse import urldefrag, urlencode, urljoin

from smsapp import clock, phone, segments
from smsapp.sandbox.callbacks.callback import Callback, insert_callback
from smsapp.sandbox.callbacks.connection import Answer
from smsapp.sandbox.carrier import Carrier, SendRequest
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.database import Database
from smsapp.sandbox.inbound import twiml
from smsapp.sandbox.inbound.keywords import REPLIES, Keyword, keyword
from smsapp.sandbox.inbound.opt_outs import OptOuts
from smsapp.sandbox.inbox import Inbox
from smsapp.sandbox.message import API_VERSION, Direction, Message, insert_message, new_sid
from smsapp.sandbox.rest.send_request import MAX_BODY
from smsapp.sandbox.weather import Weather

# Seconds between a webhook and its repeat.
AGAIN = 0.2


class BadText(ValueError):
    """A text that no phone would send; its text says why."""


class Customers:
    """They text the shop, and hear back."""

    def __init__(
        self,
        database: Database,
        carrier: Carrier,
        opt_outs: OptOuts,
        weather: Weather,
        config: SandboxConfig,
    ) -> None:
        self._database = database
        self._carrier = carrier
        self._opt_outs = opt_outs
        self._weather = weather
        self._config = config
        self._inbox = Inbox(database)

    def text(self, sender: str, body: str) -> Message:
        """Text the shop's number from `sender`, E.164.

        Raises:
            BadText: The number cannot be one, or there is nothing to send.
        """
        self._check(sender, body)
        asked = keyword(body)
        reply = self._act(sender, asked)
        message = self._receive(sender, body, asked)
        if reply:
            self._send_back("keyword-reply", sender, REPLIES[reply])
        return message

    def obey(self, callback: Callback, answer: Answer) -> str:
        """Send what the app answers to a text; return a remark for the phone page."""
        message = self._inbox.find(callback.sid)
        if message is None:
            return ""
        try:
            wanted = [
                reply for reply in twiml.replies(answer.content_type, answer.text) if reply.body
            ]
        except twiml.BadTwiml as fault:
            return f", but Twilio cannot read it: {fault}"
        if wanted and self._opt_outs.holds(message.customer, message.to_number):
            return ", but its reply was blocked: 21610"
        for reply in wanted:
            url = urljoin(urldefrag(callback.url).url, reply.callback) if reply.callback else None
            self._send_back("outbound-reply", message.customer, reply.body[:MAX_BODY], url)
        return ""

    def _check(self, sender: str, body: str) -> None:
        try:
            phone.parse_e164(sender)
        except phone.InvalidPhone as error:
            raise BadText(str(error)) from None
        if sender == self._config.from_number:
            raise BadText("That is the shop’s own number.")
        if not body.strip():
            raise BadText("There is nothing to send yet.")
        if len(body) > MAX_BODY:
            raise BadText(f"A text has at most {MAX_BODY} characters.")

    def _act(self, customer: str, asked: Keyword | None) -> Keyword | None:
        """Do what Twilio does by itself; return the keyword that it answers, if it does.

        Nothing is answered where nothing changes, and nothing to somebody who has opted out.
        """
        shop = self._config.from_number
        if asked == "STOP":
            return asked if self._opt_outs.add(customer, shop) else None
        if asked == "START":
            return asked if self._opt_outs.remove(customer, shop) else None
        if asked == "HELP" and not self._opt_outs.holds(customer, shop):
            return asked
        return None

    def _receive(self, customer: str, body: str, asked: Keyword | None) -> Message:
        now = clock.now().timestamp()
        message = Message(
            seq=0,
            sid=new_sid("SM"),
            direction="inbound",
            customer=customer,
            to_number=self._config.from_number,
            from_number=customer,
            service_sid=None,
            body=body,
            segments=segments.count(body).segments,
            status="received",
            error_code=None,
            price=None,
            callback_url=self._config.inbound_webhook,
            created_at=now,
            updated_at=now,
            sent_at=now,
        )
        fields = self._fields(message, asked)
        with self._database.write() as db:
            message = insert_message(db, message)
            if message.callback_url and not self._weather.strikes("lost_inbound"):
                token = insert_callback(db, message, fields, now)
                if self._weather.strikes("repeated_inbound"):
                    insert_callback(db, message, fields, now + AGAIN * self._config.pace, token)
        self._carrier.changed(now)
        return message

    def _fields(self, message: Message, asked: Keyword | None) -> str:
        """Return the webhook's body in Twilio's order; what is not known is sent blank."""
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
            "AccountSid": self._config.account_sid,
            "From": message.customer,
            "ApiVersion": API_VERSION,
        }
        if asked and self._weather["advanced_opt_out"]:
            fields = {"OptOutType": asked, **fields}
        return urlencode(fields)

    def _send_back(
        self, direction: Direction, customer: str, body: str, callback_url: str | None = None
    ) -> None:
        self._carrier.accept(
            SendRequest(
                to=customer,
                sender=self._config.from_number,
                body=body,
                callback_url=callback_url,
                direction=direction,
            )
        )
