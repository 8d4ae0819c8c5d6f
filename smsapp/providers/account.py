"""What Twilio says about our account: read only, for whoever looks for what is wrong."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pycurl
from twilio.rest import Client

from smsapp import clock
from smsapp.providers.http_client import CurlClient
from smsapp.providers.outcomes import Failure, outcome_of

# A service may have hundreds; a few show whether they are set up.
MAX_NUMBERS = 20


@dataclass(frozen=True, slots=True)
class Account:
    """`status` is active, suspended or closed."""

    status: str
    is_trial: bool


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where Twilio posts what customers text; an empty `url`: nowhere."""

    url: str
    method: str


@dataclass(frozen=True, slots=True)
class Voice:
    """A number's calls: whether it has any, and what Twilio asks and tells of those to it.

    `fallback` is asked where the webhook fails, `status` is told how a call ended;
    `has_application`: a TwiML app or a trunk takes the webhook's place.
    """

    is_there: bool
    webhook: Webhook
    fallback: str
    status: Webhook
    has_application: bool


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the account's; `has_application`: a TwiML app takes its webhook's place."""

    e164: str
    sends_texts: bool
    webhook: Webhook
    has_application: bool
    voice: Voice


@dataclass(frozen=True, slots=True)
class MessagingService:
    """`numbers` are some of its senders, E.164; `asks_numbers`: their webhooks count, not its."""

    webhook: Webhook
    asks_numbers: bool
    numbers: tuple[str, ...]
    has_short_codes: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A template: how WhatsApp's approval of it stands, and how many gaps it has."""

    approval: str
    gaps: int


_GAP = re.compile(r"\{\{(\d+)\}\}")


class Reader:
    """Reads one account, by a client over DatedClient (http_client.rest_client)."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def skew(self) -> timedelta | None:
        """How far Twilio's clock is ahead of ours, to a second; None before any answer."""
        skew: timedelta | None = self._client.http_client.skew
        return skew

    def account(self) -> Account | Failure:
        """Return the account. API keys of the standard kind may not see it, the token may."""

        def read() -> Account:
            found = self._client.api.v2010.accounts(self._client.account_sid).fetch()
            return Account(str(found.status), str(found.type).lower() == "trial")

        return outcome_of(read)

    def number(self, e164: str) -> Number | Failure | None:
        """Return a number of the account's; None where it has no such number."""

        def read() -> Number | None:
            # Twilio finds numbers that hold this one, too.
            found = self._client.incoming_phone_numbers.list(phone_number=e164, limit=MAX_NUMBERS)
            return next((_number(each) for each in found if each.phone_number == e164), None)

        return outcome_of(read)

    def messaging_service(self, sid: str) -> MessagingService | Failure:
        """Return a Messaging Service, "MG…", with its senders."""

        def read() -> MessagingService:
            service = self._client.messaging.v1.services(sid)
            found = service.fetch()
            numbers = service.phone_numbers.list(limit=MAX_NUMBERS)
            return MessagingService(
                Webhook(found.inbound_request_url or "", found.inbound_method or "POST"),
                bool(found.use_inbound_webhook_on_number),
                tuple(str(number.phone_number) for number in numbers),
                bool(service.short_codes.list(limit=1)),
            )

        return outcome_of(read)

    def code_length(self, verify_service_sid: str) -> int | Failure:
        """Return how many digits the codes of a Verify Service, "VA…", have."""
        services = self._client.verify.v2.services
        return outcome_of(lambda: int(services(verify_service_sid).fetch().code_length))

    def template(self, sid: str) -> Template | Failure:
        """Return a template of WhatsApp's, "HX…"."""

        def read() -> Template:
            content = self._client.content.v1.contents(sid)
            body = json.dumps(content.fetch().types or {})
            approval = content.approval_fetch().fetch().whatsapp or {}
            gaps = len(set(_GAP.findall(body)))
            return Template(str(approval.get("status", "unsubmitted")), gaps)

        return outcome_of(read)


class DatedClient(CurlClient):
    """Notes what time it is at the other end, too."""

    skew: timedelta | None = None

    def _set_up(self, curl: pycurl.Curl, timeout_seconds: float) -> None:
        super()._set_up(curl, timeout_seconds)
        curl.setopt(pycurl.HEADERFUNCTION, self._note)

    def _note(self, line: bytes) -> None:
        name, _, value = line.decode("latin-1").partition(":")
        if name.lower() != "date":
            return
        try:
            theirs = parsedate_to_datetime(value.strip())
        except ValueError:
            return
        if theirs.tzinfo is None:
            theirs = theirs.replace(tzinfo=UTC)
        now: datetime = clock.now()
        self.skew = theirs - now.replace(microsecond=0)


def _number(found: Any) -> Number:
    return Number(
        str(found.phone_number),
        bool((found.capabilities or {}).get("sms")),
        Webhook(found.sms_url or "", found.sms_method or "POST"),
        bool(found.sms_application_sid),
        Voice(
            bool((found.capabilities or {}).get("voice")),
            Webhook(found.voice_url or "", found.voice_method or "POST"),
            found.voice_fallback_url or "",
            Webhook(found.status_callback or "", found.status_callback_method or "POST"),
            bool(found.voice_application_sid or found.trunk_sid),
        ),
    )
