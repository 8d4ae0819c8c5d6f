"""What became of a mail, where the words about a text would be wrong: no carrier, no receipt."""

from smsapp.delivery.retry import HELD_BACK
from smsapp.providers.twilio_errors import ErrorClass, ErrorMeaning, meaning
from smsapp.trace.steps import Step

UNWRITTEN = ErrorMeaning(
    ErrorClass.TRANSIENT,
    "We could not reach our mail server.",
    "Wait: it is tried again by itself, and `flask doctor` says what is wrong.",
)
UNKNOWN = ErrorMeaning(
    ErrorClass.UNKNOWN,
    "The mail server never said whether it took the mail.",
    "Wait: it is sent once more with the same Message-ID, which makes two of them one mail.",
)
SENT = (
    "Our mail server took it. Nobody tells whether a mail arrived.",
    "Ask the customer whether it arrived, and to look among what was sorted out as spam. The mail "
    "server's log has it under its Message-ID.",
)
SENDING = ("It is being handed to our mail server right now.", "Look again in half a minute.")
HELD = "Our mail server takes none of our mails, so they wait."

# What broke off; each goes before "so nobody can say".
_BROKE_OFF_BY = {
    "lease": "our process ended before it heard the mail server's reply",
    "timeout": "the mail server gave no reply in time",
    "reset": "the connection to the mail server was cut",
    "tls": "the connection to the mail server was cut",
    "bad_answer": "the mail server's reply could not be understood",
}
_STEPS = {
    "sending": "We offered it to our mail server.",
    "accepted": "Our mail server took it.",
    "unwritten": "Our mail server could not be reached; nothing left.",
}


def why_unknown(trouble: str | None) -> str:
    """Return in half a sentence why nobody knows whether a mail left."""
    return _BROKE_OFF_BY.get(trouble or "", "the call to the mail server broke off")


def of_step(step: Step) -> str | None:
    """Return a step of handing a mail over; None where the words about a text fit."""
    match step.status:
        case "refused":
            return f"The mail server refused it. {meaning(step.error_code).cause}"
        case "unknown":
            return f"Nobody can say whether the mail server took it: {why_unknown(step.reason)}."
        case "unwritten" if step.reason in HELD_BACK:
            return None
    return _STEPS.get(step.status)
