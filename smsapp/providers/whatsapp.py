"""WhatsApp: free text within the window, and templates that WhatsApp approved outside it."""

import json
import logging
import re
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from smsapp.extensions import settings
from smsapp.providers.channel import Outgoing
from smsapp.providers.messages import Listed, SendResult
from smsapp.providers.outcomes import Failure
from smsapp.providers.sms import MAX_VALIDITY, RECEIPT_RETRIES, Sms, client

log = logging.getLogger(__name__)

PREFIX = "whatsapp:"
# A variable may hold no line break, no tab and no more than four blanks in a row.
_BLANKS = re.compile(r"\s+")


class WhatsApp(Sms):
    """A channel (channel.Provider): Twilio's messages, but for addresses and templates."""

    has_window = True

    @property
    def is_configured(self) -> bool:
        """Whether there is a WhatsApp sender."""
        return settings().twilio_whatsapp_from is not None

    @property
    def sender(self) -> str:
        """Our WhatsApp number, with its prefix."""
        return f"{PREFIX}{settings().twilio_whatsapp_from}"

    @property
    def per_second(self) -> float | None:
        """What WhatsApp takes from one sender is far above what we send."""
        return None

    def addresses(
        self, _conn: Connection, numbers: Mapping[str, str | None]
    ) -> Mapping[str, str | None]:
        """Return the numbers with WhatsApp's prefix."""
        return {key: e164 and f"{PREFIX}{e164}" for key, e164 in numbers.items()}

    def send(self, message: Outgoing) -> SendResult:
        """Ask Twilio, once, to send a message: a template's, or its own words."""
        template = message.template
        return client().send(
            to=message.to,
            from_number=self.sender,
            body=None if template else message.body,
            content_sid=template.sid if template else None,
            content_variables=_filled(template.variables) if template else None,
            validity_period=max(1, min(MAX_VALIDITY, message.valid_seconds)),
            status_callback=message.callback + RECEIPT_RETRIES,
        )

    def find_to(self, e164: str, since: datetime) -> list[Listed] | Failure:
        """Return Twilio's WhatsApp messages to a number since then."""
        return client().messages_with(f"{PREFIX}{e164}", since)


def show_typing(sid: str) -> None:
    """Show for some seconds that the message with this SID is being answered."""
    shown = client().show_typing(sid)
    if isinstance(shown, Failure):
        log.info("typing not shown", extra={"message_sid": sid})


def _filled(variables: tuple[str, ...]) -> str:
    """Return the values of a template's gaps as Twilio takes them: {"1": "Ann", "2": "1001"}."""
    values = (_BLANKS.sub(" ", value).strip() or "-" for value in variables)
    return json.dumps({str(n): value for n, value in enumerate(values, start=1)})
