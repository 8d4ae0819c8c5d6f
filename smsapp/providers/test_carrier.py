"""The carrier of test keys: what they send goes no further than here, and ends as the number says.

It keeps nothing: what becomes of a message stands in its SID, and is asked for like anything else
that no receipt has told of (delivery/reconcile.py).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from smsapp import clock
from smsapp.providers import statuses, twilio_errors
from smsapp.providers.channel import NOBODY_WILL_KNOW, Callback, Outgoing
from smsapp.providers.messages import Listed, SendResult, Sent
from smsapp.providers.outcomes import Failure, Refused, Unknown
from smsapp.segments import count


@dataclass(frozen=True, slots=True)
class MagicNumber:
    """A number that nobody has, and how messages to it end.

    Attributes:
        number: E.164.
        about: How they end, for callers.
        ends: What the carrier says of them at last, as a status and an error code.
        after: When it says so.
        at_first: What it says of a delivery's first attempt instead.
        answer: What the call is answered with, where that is not "taken".
    """

    number: str
    about: str
    ends: tuple[str, int] = ("delivered", 0)
    after: timedelta = timedelta(0)
    at_first: tuple[str, int] | None = None
    answer: Failure | None = None


ANY_OTHER = MagicNumber("", "Any other number: delivered within seconds.")
# Their places stand in SIDs: a new one goes last.
MAGIC_NUMBERS = (
    MagicNumber("+15550000000", "Delivered within seconds."),
    MagicNumber(
        "+15550030003",
        "Undelivered with 30003, as if the phone were switched off; delivered when it is tried "
        "again, five minutes later unless the shop has set another time.",
        at_first=("undelivered", 30003),
    ),
    MagicNumber("+15550030006", "Failed with 30006, as a landline does.", ends=("failed", 30006)),
    MagicNumber(
        "+15550021610",
        "Refused with 21610: 409 opted_out. No opt-out is kept of it: the next event fares alike.",
        answer=Refused(400, 21610, None),
    ),
    MagicNumber(
        "+15550000504",
        "Unknown: no answer comes in time, and nobody ever knows. It stays unknown.",
        answer=Unknown("timeout", None, None),
    ),
    MagicNumber(
        "+15550000060", "Slow: sent, and delivered a minute later.", after=timedelta(minutes=1)
    ),
)
_BY_NUMBER = {each.number: each for each in MAGIC_NUMBERS}

# "SM", as Twilio's are; "test" in digits that look like it; the place of the number in the table,
# whether it is the first attempt, and the attempt's id: its milliseconds, and what is random of it.
_SID = re.compile(r"SM7e57([0-9a-f])([01])([0-9a-f]{12})[0-9a-f]{14}")
_OTHER = 0xF


class Carrier:
    """A channel (channel.Provider)."""

    sender = "test"
    per_second = None
    has_window = False
    # By no setting: a test key alone has it, and what is set up or paused is about real messages.
    is_configured = False

    def addresses(
        self, _conn: Connection, numbers: Mapping[str, str | None]
    ) -> Mapping[str, str | None]:
        """Return the numbers themselves."""
        return numbers

    def not_before(
        self, _conn: Connection, _phone_keys: Collection[str], _now: datetime
    ) -> Mapping[str, datetime]:
        """Return nobody."""
        return {}

    def prepare(self) -> None:
        """Do nothing: there is nobody to call."""

    def send(self, message: Outgoing) -> SendResult:
        """Take a message, or not, by its number."""
        magic = _BY_NUMBER.get(message.to, ANY_OTHER)
        if magic.answer:
            return magic.answer
        place = _OTHER if magic is ANY_OTHER else MAGIC_NUMBERS.index(magic)
        is_first = message.attempt == 1
        rest = f"{message.id[:12]}{message.id[-14:]}"
        sid = f"SM7e57{place:x}{is_first:d}{rest}"
        return Sent(sid, "queued", count(message.body).segments)

    def find(self, sid: str) -> Listed | Failure:
        """Return what has become of a message by now."""
        parts = _SID.fullmatch(sid)
        if parts is None:
            return Refused(404, None, None)
        place, is_first, made = int(parts[1], 16), parts[2] == "1", int(parts[3], 16)
        magic = MAGIC_NUMBERS[place] if place < len(MAGIC_NUMBERS) else ANY_OTHER
        made_at = datetime.fromtimestamp(made / 1000, UTC)
        status, code = (is_first and magic.at_first) or magic.ends
        if clock.now() < made_at + magic.after:
            status, code = "sent", 0
        return Listed(sid, "", True, status, code, made_at)

    def find_to(self, e164: str, _since: datetime) -> list[Listed] | Failure:
        """Return nothing: what nobody settled was not taken; or that nobody will ever know."""
        magic = _BY_NUMBER.get(e164, ANY_OTHER)
        return NOBODY_WILL_KNOW if isinstance(magic.answer, Unknown) else []

    def read_callback(self, _fields: Mapping[str, str]) -> Callback | None:
        """Return None: nobody posts what becomes of a test."""
        return None

    state_of = staticmethod(statuses.STATES.get)
    meaning = staticmethod(twilio_errors.meaning)
