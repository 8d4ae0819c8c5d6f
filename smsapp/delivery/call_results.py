"""How a call went, and what that means where the provider gave no code."""

from dataclasses import dataclass

from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.leases import Claim
from smsapp.models import CallOutcome
from smsapp.providers.messages import SendResult, Sent
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from smsapp.providers.twilio_errors import ErrorClass, ErrorMeaning

UNWRITTEN = ErrorMeaning(
    ErrorClass.TRANSIENT,
    "We could not reach Twilio.",
    "Wait: it is tried again by itself.",
)
HELD_BACK = ErrorMeaning(
    ErrorClass.TRANSIENT,
    "The text was kept back a moment before it was to leave.",
    "Wait: it leaves by itself as soon as it may.",
)
RESTORED = ErrorMeaning(
    ErrorClass.UNKNOWN,
    "Our database was restored from a backup, so the text may have gone out before.",
    "Wait: Twilio is asked for the text before anything is sent.",
)
NEVER_TAKEN = ErrorMeaning(
    ErrorClass.TRANSIENT,
    "The call to Twilio broke off, and Twilio's list of messages, searched twice, has no such "
    "text: it never went out.",
    "Wait: it is tried again by itself.",
)
UNKNOWN = ErrorMeaning(
    ErrorClass.UNKNOWN,
    "The call to Twilio broke off, so nobody can say yet whether the text went out.",
    "Wait for Twilio's receipt; it is never sent again on a guess.",
)

_OUTCOMES = {
    Sent: CallOutcome.ACCEPTED,
    Refused: CallOutcome.REFUSED,
    Unwritten: CallOutcome.UNWRITTEN,
    Unknown: CallOutcome.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class CallResult:
    """A claim and how its call went."""

    claim: Claim
    outcome: SendResult

    @property
    def code(self) -> int | None:
        """Return Twilio's error code, if it gave one."""
        return self.outcome.code if isinstance(self.outcome, Refused | Unknown) else None

    @property
    def trouble(self) -> str | None:
        """Return our word for what went wrong where Twilio gave no code."""
        match self.outcome:
            case Unwritten(reason=reason) | Unknown(reason=reason):
                return reason
            case Refused(code=None, http_status=status):
                return f"http_{status}"
        return None

    @property
    def meaning(self) -> ErrorMeaning | None:
        """Return what a failure means; None where Twilio took the text."""
        match self.outcome:
            case Refused(http_status=status, code=code):
                return CHANNELS[self.claim.channel].meaning(code, status)
            case Unwritten():
                return UNWRITTEN
            case Unknown():
                return UNKNOWN
        return None

    @property
    def word(self) -> CallOutcome:
        """Return what the call itself came to."""
        return _OUTCOMES[type(self.outcome)]
