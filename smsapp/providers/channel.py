"""What a channel has to be able to do: all that the rest of the app asks of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from smsapp.languages import Language
from smsapp.models import AttemptState
from smsapp.providers.messages import Listed, SendResult
from smsapp.providers.outcomes import Failure, Unknown
from smsapp.providers.twilio_errors import ErrorMeaning

# Of a message to a number: whoever could tell never will, so that nobody asks again.
NOBODY_WILL_KNOW = Unknown("nobody_will_know", None, None)


@dataclass(frozen=True, slots=True)
class Template:
    """A template that Twilio knows, "HX…", and what fills its gaps, in their order."""

    sid: str
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one person.

    Attributes:
        id: What names this attempt, 32 hexadecimal digits.
        delivery: What names its delivery, likewise: the same with each attempt.
        to: The address: E.164, or what the channel has instead.
        title: What it is about, in the language of its words.
        body: Its words.
        language: That of its words.
        callback: Where the provider posts what becomes of it.
        valid_seconds: After that it need not be delivered any more.
        attempt: Which of its delivery's it is, from 1.
        template: What says it where the channel takes no words of ours now.
        instead_of: The end of the number of a phone that could not be reached before; "" for none.
        unsubscribe: Where the person says that they want none over this channel; "" for nowhere.
        asks_for_key: Whether the person is asked to press one, in a call.
    """

    id: str
    delivery: str
    to: str
    title: str
    body: str
    language: Language
    callback: str
    valid_seconds: int
    attempt: int = 1
    template: Template | None = None
    instead_of: str = ""
    unsubscribe: str = ""
    asks_for_key: bool = False


@dataclass(frozen=True, slots=True)
class Callback:
    """What a provider posted about one message. `code` is its error code, 0 for none."""

    account: str
    sid: str
    status: str
    code: int


class Provider(Protocol):
    """A channel's way out, and what its provider says about it.

    What is called within a transaction of the group commit (`addresses`, `not_before`, `state_of`,
    `meaning`) reads no settings: no app's context is there.
    """

    @property
    def is_configured(self) -> bool:
        """Whether the settings have all that it needs."""

    @property
    def has_window(self) -> bool:
        """Whether it takes words of ours only for a while after somebody wrote (windows.py)."""

    @property
    def sender(self) -> str:
        """What its messages leave from: the name of a row of `sender`."""

    @property
    def per_second(self) -> float | None:
        """How many may leave in a second; None for no limit."""

    def addresses(
        self, conn: Connection, numbers: Mapping[str, str | None]
    ) -> Mapping[str, str | None]:
        """Return who can be reached over this channel, and where: {phone key: address}.

        Args:
            conn: The database.
            numbers: {phone key: E.164, or None once it was forgotten}.
        """

    def not_before(
        self, conn: Connection, phone_keys: Collection[str], now: datetime
    ) -> Mapping[str, datetime]:
        """Return who may not be written to over this channel now, with when to ask again."""

    def prepare(self) -> None:
        """Make what the first call needs, which takes a while."""

    def send(self, message: Outgoing) -> SendResult:
        """Call the provider once, and return what is certain afterwards."""

    def find(self, sid: str) -> Listed | Failure:
        """Return one message as the provider has it."""

    def find_to(self, e164: str, since: datetime) -> list[Listed] | Failure | None:
        """Return the messages to a number that were made since then, newest first.

        None where nobody can be asked, and a message that is sent twice is one to who gets it;
        NOBODY_WILL_KNOW where it has to stay unknown.
        """

    def read_callback(self, fields: Mapping[str, str]) -> Callback | None:
        """Return what a callback says; None where it cannot be read."""

    def state_of(self, status: str) -> AttemptState | None:
        """Return how far a status says that a message got; None for a word we do not know."""

    def meaning(self, code: int | None, http_status: int | None = None) -> ErrorMeaning:
        """Return what a failure means, by the provider's code or the answer's status."""
