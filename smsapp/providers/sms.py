"""Texts: the channel that every phone has."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection

from smsapp.extensions import settings
from smsapp.providers import statuses, twilio_errors
from smsapp.providers.channel import Callback, Outgoing
from smsapp.providers.http_client import rest_client
from smsapp.providers.messages import Listed, SendResult, Twilio
from smsapp.providers.outcomes import Failure

# One deadline over a whole call.
CALL_SECONDS = 10.0

# What Twilio takes, and keeps a text for when it is told nothing.
MAX_VALIDITY = 36_000

# Twilio repeats a receipt that we fail to take only when told to: 5 times, whatever the failure.
RECEIPT_RETRIES = "#rc=5&rp=all"

_SID = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
_STATUS = re.compile(r"[a-z_]{1,20}")
_CODE = re.compile(r"[0-9]{1,6}")


class Sms:
    """A channel (channel.Provider)."""

    has_window = False

    @property
    def is_configured(self) -> bool:
        """Always: nothing starts without a sender for texts."""
        return True

    @property
    def sender(self) -> str:
        """A Messaging Service, else a number."""
        return settings().sms_sender

    @property
    def per_second(self) -> float | None:
        """MESSAGES_PER_SECOND."""
        return settings().messages_per_second

    def addresses(
        self, _conn: Connection, numbers: Mapping[str, str | None]
    ) -> Mapping[str, str | None]:
        """Return the numbers themselves."""
        return numbers

    def not_before(
        self, _conn: Connection, _phone_keys: Collection[str], _now: datetime
    ) -> Mapping[str, datetime]:
        """Return nobody: a text may always be sent."""
        return {}

    def prepare(self) -> None:
        """Make the client, once for all threads."""
        client()

    def send(self, message: Outgoing) -> SendResult:
        """Ask Twilio, once, to send a text."""
        config = settings()
        service = config.twilio_messaging_service_sid
        return client().send(
            to=message.to,
            body=message.body,
            from_number=None if service else config.twilio_from_number,
            messaging_service_sid=service,
            validity_period=max(1, min(MAX_VALIDITY, message.valid_seconds)),
            status_callback=message.callback + RECEIPT_RETRIES,
        )

    def find(self, sid: str) -> Listed | Failure:
        """Return one message as Twilio has it."""
        return client().look_up(sid)

    def find_to(self, e164: str, since: datetime) -> list[Listed] | Failure:
        """Return Twilio's messages to a number since then."""
        return client().messages_with(e164, since)

    def read_callback(self, fields: Mapping[str, str]) -> Callback | None:
        """Read a status callback of Twilio's."""
        sid = fields.get("MessageSid", "")
        status = fields.get("MessageStatus", "").lower()
        code = fields.get("ErrorCode") or "0"
        if not (_SID.fullmatch(sid) and _STATUS.fullmatch(status) and _CODE.fullmatch(code)):
            return None
        return Callback(fields.get("AccountSid", ""), sid, status, int(code))

    state_of = staticmethod(statuses.STATES.get)
    meaning = staticmethod(twilio_errors.meaning)


def client() -> Twilio:
    """Return the client of the running app's account."""
    config = settings()
    return _client(config.twilio_account_sid, *config.rest_credentials, config.twilio_base_url)


@lru_cache(maxsize=4)
def _client(account_sid: str, user: str, password: str, base_url: str | None) -> Twilio:
    """Return the one client of these credentials: it keeps connections open for all threads."""
    return Twilio(rest_client(account_sid, user, password, base_url, CALL_SECONDS))
