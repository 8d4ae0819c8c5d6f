"""Texts through Twilio: one call, and what is certain after it."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from twilio.rest import Client

from smsapp.providers.outcomes import UNREADABLE, Failure, outcome_of

_MESSAGE_SID = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
_SEGMENTS = re.compile(r"[1-9][0-9]{0,2}")
_STATUS = re.compile(r"accepted|scheduled|queued|sending|sent|delivered|undelivered|failed|read")


@dataclass(frozen=True, slots=True)
class Sent:
    """Twilio accepted the message.

    Attributes:
        sid: The Message SID.
        status: Twilio's first word about it: queued, or accepted with a Messaging Service.
        segments: How many it is billed as; None while Twilio has not chosen a sender.
    """

    sid: str
    status: str
    segments: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A message as Twilio has it.

    Attributes:
        sid: The Message SID.
        body: Its text, which Twilio may have changed: Smart Encoding, link shortening.
        is_ours: Whether it went out; False for a text from the number.
        status: Twilio's word.
        error_code: Twilio's; 0 for none.
        created_at: Aware, UTC, to the second.
        sender: What it came from, E.164; None while Twilio has not chosen a sender.
        has_words: Whether Twilio keeps what it says; False for a call.
        media: How many files it has.
    """

    sid: str
    body: str
    is_ours: bool
    status: str
    error_code: int
    created_at: datetime
    sender: str | None = None
    has_words: bool = True
    media: int = 0


SendResult = Sent | Failure


class Twilio:
    """The texts of one account (http_client.rest_client); one object serves all threads."""

    def __init__(self, client: Client) -> None:
        # The SDK imports and builds this on first use: better here than in the first request,
        # and in one thread than in many.
        self._messages = client.messages
        account_url = f"{client.api.base_url}/2010-04-01/Accounts/{client.account_sid}"
        self._messages_url = f"{account_url}/Messages.json"
        self._client = client

    def send(
        self,
        *,
        to: str,
        body: str | None,
        status_callback: str,
        from_number: str | None = None,
        messaging_service_sid: str | None = None,
        validity_period: int | None = None,
        content_sid: str | None = None,
        content_variables: str | None = None,
    ) -> SendResult:
        """Ask Twilio, once, to send a text, and return what is certain afterwards.

        Args:
            to: E.164, perhaps with a prefix such as "whatsapp:".
            body: The text, at most 1,600 characters; None with a template.
            status_callback: Where Twilio posts what becomes of it.
            from_number: The sender, E.164; or give `messaging_service_sid`, "MG…".
            messaging_service_sid: The Messaging Service that chooses a sender.
            validity_period: Seconds after which Twilio no longer sends it, 1 to 36,000.
            content_sid: A template in place of the body, "HX…".
            content_variables: What fills its gaps, a JSON object of strings.
        """
        fields = {
            "To": to,
            "Body": body,
            "StatusCallback": status_callback,
            "From": from_number,
            "MessagingServiceSid": messaging_service_sid,
            "ValidityPeriod": validity_period,
            "ContentSid": content_sid,
            "ContentVariables": content_variables,
        }

        def call() -> SendResult:
            # Not messages.create: it reads thirty fields, and what is wrong with one of the others
            # must not make a text that has a SID one of unknown outcome.
            answer = self._client.request("POST", self._messages_url, data=fields)
            message = json.loads(answer.text)
            sid, status, segments = map(message.get, ("sid", "status", "num_segments"))
            if not (isinstance(sid, str) and _MESSAGE_SID.fullmatch(sid)):
                return UNREADABLE
            return Sent(sid, _status(status), _segments(segments))

        return outcome_of(call)

    def messages_with(self, number: str, since: datetime) -> list[Listed] | Failure:
        """Return the messages to a number that were made since then, newest first."""

        def call() -> list[Listed]:
            # To alone: filtered by DateSent, those not yet sent would be missing.
            found = self._messages.stream(to=number, page_size=100)
            return [_listed(each) for each in takewhile(lambda m: m.date_created >= since, found)]

        return outcome_of(call)

    def senders_of(self, service_sid: str) -> list[str] | Failure:
        """Return the numbers and short codes of a Messaging Service, "MG…"."""

        def call() -> list[str]:
            service = self._client.messaging.v1.services(service_sid)
            numbers = [found.phone_number for found in service.phone_numbers.stream(page_size=100)]
            codes = [found.short_code for found in service.short_codes.stream(page_size=100)]
            return numbers + codes

        return outcome_of(call)

    def show_typing(self, sid: str) -> bool | Failure:
        """Show on WhatsApp that somebody answers the message with this SID."""
        typing = self._client.messaging.v2.typing_indicator
        return outcome_of(lambda: bool(typing.create(channel="whatsapp", message_id=sid).success))

    def look_up(self, sid: str) -> Listed | Failure:
        """Return one message."""
        return outcome_of(lambda: _listed(self._messages(sid).fetch()))

    def blank(self, sid: str) -> Listed | Failure:
        """Empty one message's body for good; return it as Twilio then has it.

        Twilio refuses that (409) as long as it is not done with the message.
        """
        return outcome_of(lambda: _listed(self._messages(sid).update(body="")))


def _listed(message: Any) -> Listed:
    return Listed(
        message.sid,
        message.body or "",
        str(message.direction).startswith("outbound"),
        str(message.status),
        int(message.error_code or 0),
        message.date_created.astimezone(UTC),
        message.from_ or None,
        media=int(message.num_media or 0),
    )


def _status(word: object) -> str:
    """Return Twilio's word if we know it; from any other nothing follows beyond "queued"."""
    return word if isinstance(word, str) and _STATUS.fullmatch(word) else "queued"


def _segments(digits: object) -> int | None:
    """Read `num_segments`, a string; with a Messaging Service it is "0" until one is chosen."""
    return int(digits) if isinstance(digits, str) and _SEGMENTS.fullmatch(digits) else None
