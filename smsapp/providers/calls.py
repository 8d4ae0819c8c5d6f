"""Phone calls through Twilio: one call, and what is certain after it.

What is said stands in nothing that Twilio keeps: once they answer, Twilio asks for it at an
address of ours that holds the attempt's id (web/voice.py).
"""

import json
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection
from twilio.rest import Client

from smsapp import clock
from smsapp.extensions import settings
from smsapp.models import AttemptState
from smsapp.providers import sip_codes, twilio_errors
from smsapp.providers.channel import Callback, Outgoing
from smsapp.providers.http_client import rest_client
from smsapp.providers.messages import Listed, SendResult, Sent
from smsapp.providers.outcomes import UNREADABLE, Failure, outcome_of
from smsapp.providers.sms import CALL_SECONDS, RECEIPT_RETRIES

# A sender of its own: texts may leave from the same number, and each is held by itself.
PREFIX = "voice:"
# Longer than most answering machines wait, who shall hear it too.
RING_SECONDS = 40
# Posted as each happens. Source: https://www.twilio.com/docs/voice/api/call-resource
EVENTS = ("initiated", "ringing", "answered", "completed")
# What Twilio calls an answering machine that has had its say.
MACHINE = re.compile(r"machine_[a-z_]{1,20}|fax")
# Our word for a call that one of them took: Twilio's is "completed", as for a person.
TAKEN_BY_MACHINE = "machine"

# How far each word of Twilio's says that a call got.
STATES = {
    "queued": AttemptState.QUEUED,
    "initiated": AttemptState.QUEUED,
    "ringing": AttemptState.QUEUED,
    "in-progress": AttemptState.SENT,
    "completed": AttemptState.DELIVERED,
    TAKEN_BY_MACHINE: AttemptState.DELIVERED,
    "busy": AttemptState.UNDELIVERED,
    "no-answer": AttemptState.UNDELIVERED,
    "failed": AttemptState.FAILED,
    "canceled": AttemptState.FAILED,
}
TEXTS = {
    "queued": "Twilio queued it",
    "initiated": "Twilio is dialing",
    "ringing": "it rings",
    "in-progress": "somebody or something picked up",
    "completed": "it was said, and the call is over",
    TAKEN_BY_MACHINE: "an answering machine took it",
    # Why is said beside it, by the code.
    "busy": "nobody took it",
    "no-answer": "nobody took it",
    "failed": "it could not be put through",
    "canceled": "nobody took it",
}
_CODES = {
    "busy": sip_codes.BUSY,
    "no-answer": sip_codes.NOBODY_ANSWERED,
    "canceled": sip_codes.ENDED_BY_US,
}

_SID = re.compile(r"CA[0-9a-f]{32}")


class Calls:
    """A channel (channel.Provider)."""

    has_window = False

    @property
    def is_configured(self) -> bool:
        """Whether there is a number to call from."""
        return settings().twilio_voice_from is not None

    @property
    def sender(self) -> str:
        """The number that we call from, told from the same one that texts leave from."""
        return f"{PREFIX}{settings().twilio_voice_from}"

    @property
    def per_second(self) -> float | None:
        """CALLS_PER_SECOND: Twilio queues what is faster, out of our sight."""
        return settings().calls_per_second

    def addresses(
        self, _conn: Connection, numbers: Mapping[str, str | None]
    ) -> Mapping[str, str | None]:
        """Return the numbers themselves."""
        return numbers

    def not_before(
        self, _conn: Connection, _phone_keys: Collection[str], _now: datetime
    ) -> Mapping[str, datetime]:
        """Return nobody: what waits for morning does so over every channel that makes a sound."""
        return {}

    def prepare(self) -> None:
        """Make the client, once for all threads."""
        client()

    def send(self, message: Outgoing) -> SendResult:
        """Ask Twilio, once, to call somebody.

        Where a key is asked for, no answering machine is listened for: that takes a person's first
        seconds, and now and then takes them for one; and none presses a key.
        """
        config = settings()
        place = f"{config.public_base_url}/twilio/voice"
        fields: dict[str, object] = {
            "To": message.to,
            "From": config.twilio_voice_from,
            "Url": f"{place}/delivery?attempt={message.id}",
            "FallbackUrl": f"{place}/fallback",
            "StatusCallback": f"{place}/status?attempt={message.id}{RECEIPT_RETRIES}",
            "StatusCallbackEvent": EVENTS,
            "Timeout": RING_SECONDS,
        }
        if not message.asks_for_key:
            fields["MachineDetection"] = "DetectMessageEnd"
        return client().start(fields)

    def find(self, sid: str) -> Listed | Failure:
        """Return one call as Twilio has it."""
        return client().look_up(sid)

    def find_to(self, e164: str, since: datetime) -> list[Listed] | Failure:
        """Return Twilio's calls to a number since then, those that came from another left out."""
        found = client().calls_to(e164, since)
        ours = settings().twilio_voice_from
        if not isinstance(found, list):
            return found
        return [call for call in found if call.sender == ours]

    def read_callback(self, fields: Mapping[str, str]) -> Callback | None:
        """Read a status callback of Twilio's."""
        sid, status = fields.get("CallSid", ""), fields.get("CallStatus", "")
        if not (_SID.fullmatch(sid) and status in STATES):
            return None
        return Callback(
            fields.get("AccountSid", ""),
            sid,
            word(status, fields.get("AnsweredBy")),
            code(status, fields.get("SipResponseCode")),
        )

    state_of = staticmethod(STATES.get)
    meaning = staticmethod(twilio_errors.meaning)


def word(status: str, answered_by: str | None) -> str:
    """Return Twilio's word for how a call stands, or ours where a machine has taken it."""
    is_over = status == "completed"
    return TAKEN_BY_MACHINE if is_over and MACHINE.fullmatch(answered_by or "") else status


def code(status: str, sip: str | None = None) -> int:
    """Return the code of sip_codes for how a call ended; 0 for one that was answered, or goes on.

    Of a call that failed SIP's own counts, where it is listed there.
    """
    if status != "failed":
        return _CODES.get(status, 0)
    said = int(sip) if sip and re.fullmatch(r"[1-6][0-9]{2}", sip) else 0
    return said if said in sip_codes.ELSEWHERE else sip_codes.NOT_PUT_THROUGH


class TwilioCalls:
    """The calls of one account (http_client.rest_client); one object serves all threads."""

    def __init__(self, client: Client) -> None:
        self._calls = client.calls
        account_url = f"{client.api.base_url}/2010-04-01/Accounts/{client.account_sid}"
        self._calls_url = f"{account_url}/Calls.json"
        self._client = client

    def start(self, fields: dict[str, object]) -> SendResult:
        """Ask Twilio, once, to call somebody; `fields` are those of its API."""

        def call() -> SendResult:
            # Not calls.create, for the same reason as of a text (messages.py).
            answer = self._client.request("POST", self._calls_url, data=fields)
            started = json.loads(answer.text)
            sid, status = started.get("sid"), started.get("status")
            if not (isinstance(sid, str) and _SID.fullmatch(sid)):
                return UNREADABLE
            return Sent(sid, status if status in STATES else "queued", None)

        return outcome_of(call)

    def look_up(self, sid: str) -> Listed | Failure:
        """Return one call."""
        return outcome_of(lambda: _listed(self._calls(sid).fetch()))

    def calls_to(self, number: str, since: datetime) -> list[Listed] | Failure:
        """Return the calls to a number that were made since then, newest first."""

        def call() -> list[Listed]:
            # By no time: those that still wait in Twilio's queue have begun at none.
            found = map(_listed, self._calls.stream(to=number, page_size=100))
            return list(takewhile(lambda made: made.created_at >= since, found))

        return outcome_of(call)


def client() -> TwilioCalls:
    """Return the client of the running app's account."""
    config = settings()
    return _client(config.twilio_account_sid, *config.rest_credentials, config.twilio_base_url)


@lru_cache(maxsize=4)
def _client(account_sid: str, user: str, password: str, base_url: str | None) -> TwilioCalls:
    return TwilioCalls(rest_client(account_sid, user, password, base_url, CALL_SECONDS))


def _listed(call: Any) -> Listed:
    """Return a call as the rest of the app knows messages: without words, which Twilio has not."""
    status = str(call.status)
    made = call.date_created or call.start_time
    return Listed(
        call.sid,
        "",
        str(call.direction) == "outbound-api",
        word(status, call.answered_by),
        code(status),
        made.astimezone(UTC) if made else clock.now(),
        call.from_ or None,
        has_words=False,
    )
