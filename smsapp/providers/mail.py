"""E-mail: the channel for those whom a text cannot reach.

Nothing is heard of a mail once the next server has taken it: it stays `sent`. Nobody can be asked
about one whose outcome is unknown; what is sent once more has the same Message-ID, so that it is
one mail to whoever gets both.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection

from smsapp import clock, mail_address
from smsapp.extensions import settings
from smsapp.providers import mail_text, smtp, twilio_errors
from smsapp.providers.channel import Callback, Outgoing
from smsapp.providers.mail_text import Letter
from smsapp.providers.messages import Listed, SendResult, Sent
from smsapp.providers.outcomes import Failure, Refused, Unwritten
from smsapp.providers.sms import CALL_SECONDS

# Where each of these people may be written to: recipients/mail.py, on a floor above.
Addresses = Callable[[Connection, Collection[str]], Mapping[str, str]]

# With the 32 digits of an attempt's id it is as long as a Message SID.
SID_PREFIX = "EM"
# What a text may end with, the last first, and a mail must not: nobody reads answers to it.
REPLIES = ("Reply STOP to stop.", "Reply C to confirm.")
NOT_AN_ADDRESS = 553
NOBODY_KNOWS = Refused(404, None, None)


class Mail:
    """A channel (channel.Provider)."""

    sender = "e-mail"
    per_second = None
    has_window = False

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    @property
    def is_configured(self) -> bool:
        """Whether MAIL_URL is set."""
        return settings().mail_server is not None

    def addresses(
        self, conn: Connection, numbers: Mapping[str, str | None]
    ) -> Mapping[str, str | None]:
        """Return the e-mail addresses of those who may be written to."""
        return self._addresses(conn, numbers.keys())

    def not_before(
        self, _conn: Connection, _phone_keys: Collection[str], _now: datetime
    ) -> Mapping[str, datetime]:
        """Return nobody: a mail wakes nobody, and may always be sent."""
        return {}

    def prepare(self) -> None:
        """Do nothing: each mail has a connection of its own."""

    def send(self, message: Outgoing) -> SendResult:
        """Hand the mail server a mail, once."""
        phone, language = message.instead_of, message.language
        body = message.body
        for asked in REPLIES:
            body = body.removesuffix(language.gettext(asked)).rstrip()
        failure = hand_over(
            Letter(
                message_id=message.delivery,
                to=message.to,
                subject=message.title,
                body=body,
                language=language,
                why=mail_text.why(language, phone) if phone else "",
                unsubscribe=message.unsubscribe,
            )
        )
        return failure or Sent(f"{SID_PREFIX}{message.id}", "sent", None)

    def find(self, _sid: str) -> Listed | Failure:
        """Return that nobody knows: mail servers cannot be asked."""
        return NOBODY_KNOWS

    def find_to(self, _to: str, _since: datetime) -> None:
        """Return None: likewise."""

    def read_callback(self, _fields: Mapping[str, str]) -> Callback | None:
        """Return None: nobody posts what becomes of a mail."""
        return None

    def state_of(self, _status: str) -> None:
        """Return None: there are no receipts."""

    meaning = staticmethod(twilio_errors.meaning)


def hand_over(letter: Letter) -> Failure | None:
    """Send a letter by the mail server of the settings; return None once that has taken it."""
    config = settings()
    if config.mail_server is None or config.mail_from is None:
        return Unwritten("not_set_up")
    try:
        to = mail_address.parse(letter.to)
    except mail_address.InvalidAddress:
        return Refused(NOT_AN_ADDRESS, NOT_AN_ADDRESS, None)
    content = mail_text.compose(letter, config.mail_from, config.shop_name, clock.now())
    return smtp.hand_over(config.mail_server, config.mail_from.address, to, content, CALL_SECONDS)
