"""A delivery's state and steps in plain words, for support and for services alike.

No words here hold a number, a body or a name.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from smsapp.delivery import restore, retry
from smsapp.delivery.steps import LATE, Step
from smsapp.delivery.timeline import Trace, trouble_of
from smsapp.models import Act, ConsentSource, DeliveryState, Ignored, OptOutSource, Reason
from smsapp.providers.twilio_errors import meaning


@dataclass(frozen=True, slots=True)
class Explanation:
    """A state in words: what it is called, why it is so, what to do now."""

    title: str
    cause: str
    next_step: str


TITLES = {
    DeliveryState.PENDING: "Waiting to be sent",
    DeliveryState.SENDING: "Being sent",
    DeliveryState.UNKNOWN: "Outcome not known",
    DeliveryState.SENT: "Sent",
    DeliveryState.DELIVERED: "Delivered",
    DeliveryState.UNDELIVERED: "Not delivered",
    DeliveryState.FAILED: "Failed",
    DeliveryState.READ: "Read",
    DeliveryState.SUPPRESSED: "Not sent",
    DeliveryState.CANCELED: "Canceled",
    DeliveryState.EXPIRED: "Expired",
}

_PLAIN = {
    DeliveryState.SENDING: (
        "It is being handed to Twilio right now.",
        "Look again in half a minute.",
    ),
    DeliveryState.UNKNOWN: (
        "The call to Twilio broke off, so nobody can say yet whether the text went out.",
        "Wait: Twilio's receipt or its list of messages will tell. It is never sent again on a "
        "guess.",
    ),
    DeliveryState.SENT: (
        "Twilio took it. The carrier has not said yet whether it arrived.",
        "Wait for the receipt. Without one Twilio is asked after 1, 6 and 24 hours.",
    ),
    DeliveryState.DELIVERED: (
        "The carrier says that it arrived on the phone.",
        "Nothing. If the customer does not see it, check with them that the number is theirs, "
        "and their blocked or filtered messages.",
    ),
    DeliveryState.READ: ("The customer has opened it.", "Nothing."),
    DeliveryState.CANCELED: (
        "It was canceled before it left.",
        "Send it again if that was a mistake.",
    ),
    DeliveryState.EXPIRED: (
        "It waited for so long that it would have come too late to matter.",
        "Send it again if the customer still wants to know.",
    ),
}
SUPPRESSED = {
    Reason.OPTED_OUT: (
        "The number has opted out of all texts.",
        "Respect it. Only the owner can change that: by texting START, or on the preferences "
        "page where the stop came from there or from us.",
    ),
    Reason.CONSENT_WITHDRAWN: (
        "The customer has withdrawn consent for texts like this, or was erased.",
        "Respect it. Only the customer can agree again, on the preferences page.",
    ),
    Reason.NOT_ALLOWED: (
        "This installation texts only the numbers in ALLOWED_RECIPIENTS.",
        "Add the number to that setting if it should be texted from here.",
    ),
}


def of_delivery(trace: Trace) -> Explanation:
    """Return a delivery's state in words, with its cause and the next step."""
    state = trace.delivery.state
    if state is DeliveryState.PENDING:
        cause, step = _waiting(trace)
    elif state is DeliveryState.SUPPRESSED:
        cause, step = SUPPRESSED.get(
            trace.delivery.reason or Reason.OPTED_OUT, SUPPRESSED[Reason.OPTED_OUT]
        )
    elif state in {DeliveryState.FAILED, DeliveryState.UNDELIVERED}:
        cause, step = _failed(trace)
    else:
        cause, step = _PLAIN[state]
    return Explanation(TITLES[state], cause, step)


def _waiting(trace: Trace) -> tuple[str, str]:
    due = trace.delivery.due_at
    when = f"It is due on {moment(due)}." if due else ""
    if trace.standing.is_paused:
        return (
            "An operator has paused all texts.",
            "Wait until they are sent again: `flask sending status` says why, and "
            "`flask sending resume` goes on.",
        )
    if trace.standing.is_held:
        held = meaning(trace.standing.held_code)
        return f"Twilio refuses all our texts, so everything waits. {held.cause}", held.next_step
    trouble = trouble_of(trace.attempts[-1]) if trace.attempts else None
    if trouble:
        return trouble.cause, f"Wait: it is tried again by itself. {when}"
    if due and due > trace.delivery.created_at and (due.hour, due.minute, due.second) == (0, 0, 0):
        return (
            "The number has had as many texts as it may get in a day.",
            f"Wait. {when} If the texts are too many, see which service sends them.",
        )
    return (
        "A worker takes it in its turn.",
        f"Wait a moment. {when} If it stays, see whether a worker is running.",
    )


def _failed(trace: Trace) -> tuple[str, str]:
    newest = trace.attempts[-1] if trace.attempts else None
    trouble = trouble_of(newest) if newest else None
    trouble = trouble or meaning(trace.delivery.error_code)
    if trace.delivery.reason is Reason.ATTEMPTS_SPENT:
        count = len(trace.attempts)
        return (
            f"It was tried {count} times in vain. {trouble.cause}",
            "Send it again once that is over.",
        )
    return trouble.cause, trouble.next_step


_STEPS = {
    "accepted": "The event came in and was written down.",
    "sending": "We called Twilio.",
    "refused": "Twilio refused it.",
    "unwritten": "Twilio could not be reached; nothing left.",
    Act.SENT_AGAIN: "An operator had it sent again.",
    Act.CANCELED: "An operator canceled it.",
    Act.OPTED_OUT: "An operator stopped all texts to the number.",
    "consent_granted": "The customer agreed to texts like this.",
    "consent_withdrawn": "The customer withdrew consent for texts like this.",
    "opt_out_lifted": "The number's opt-out was lifted.",
    "stop": "The customer texted STOP.",
    "start": "The customer texted START.",
    "help": "The customer texted HELP.",
    "text": "The customer texted us.",
}
_STATUSES = {
    "accepted": "Twilio accepted it",
    "scheduled": "Twilio scheduled it",
    "queued": "Twilio queued it",
    "sending": "Twilio is sending it",
    "sent": "the carrier took it",
    "partially_delivered": "a part of it arrived",
    "delivered": "it arrived",
    "undelivered": "it was not delivered",
    "failed": "it could not be sent",
    "read": "it was opened",
    "canceled": "it was canceled at Twilio",
}
_IGNORED = {
    LATE: "It came late: more was known already, so it changed nothing.",
    Ignored.REPEATED: "The same receipt had come before, so it changed nothing.",
    Ignored.OTHER_MESSAGE: "Ignored: it is about another message than this attempt's.",
    Ignored.OTHER_ACCOUNT: "Ignored: it is from another Twilio account.",
}
DOORS = {
    OptOutSource.PAGE: "on the preferences page",
    OptOutSource.TEXT: "by a STOP in a text",
    OptOutSource.TWILIO: "as Twilio told us",
    OptOutSource.OPERATOR: "by an operator",
}
_DOUBTS = {
    "lease": "the process died",
    restore.RESTORED: "our database was restored from a backup",
}
SAID = {
    ConsentSource.PAGE: "given by the customer on our page",
    ConsentSource.API: "told by a service of the shop",
    ConsentSource.TEXT: "given by text",
    ConsentSource.OPERATOR: "written by an operator",
}


def of_step(step: Step) -> str:
    """Return a step as a sentence or two."""
    if step.source in {"receipt", "look_up"}:
        return _report(step)
    match step.status:
        case "permitted":
            return _permitted(step)
        case "accepted" if step.source == "twilio":
            return "Twilio took it."
        case "unknown":
            why = _DOUBTS.get(step.reason or "", "the call broke off")
            return f"Nobody can say whether Twilio took it: {why}."
        case "unwritten" if step.reason in retry.HELD_BACK:
            return "It was kept back a moment before it was to leave."
        case "refused":
            return f"Twilio refused it. {meaning(step.error_code, _http_status(step)).cause}"
        case "opted_out" if step.source == "smsapp":
            return f"All texts to the number were stopped {DOORS[OptOutSource(step.reason or '')]}."
        case "suppressed":
            return f"It was not sent. {SUPPRESSED[Reason(step.reason or '')][0]}"
        case "expired":
            return "It had waited for too long and was not sent."
        case "failed":
            spent = step.reason == Reason.ATTEMPTS_SPENT
            return "We gave up after too many tries." if spent else "It will not be tried again."
    return _STEPS.get(step.status, f"{step.status}.")


def _report(step: Step) -> str:
    asked = step.source == "look_up"
    what = _STATUSES.get(step.status, f"“{step.status}”")
    said = f"{'We asked, and Twilio said' if asked else 'Receipt'}: {what}."
    if step.error_code:
        said += f" {meaning(step.error_code).cause}"
    return f"{said} {_IGNORED[step.ignored]}" if step.ignored else said


def _permitted(step: Step) -> str:
    row = step.consent
    asked = "Permission was asked again" if step.attempt else "Permission was asked"
    if row is None:
        return f"{asked}: yes, by the consent that the event itself told of."
    return (
        f"{asked}: yes, by row {row.seq} of the number's consent ledger, "
        f"{SAID[ConsentSource(row.source)]} on {moment(row.since)}."
    )


def _http_status(step: Step) -> int | None:
    word = step.reason or ""
    return int(word.removeprefix("http_")) if word.startswith("http_") else None


def moment(at: datetime) -> str:
    """Return a time as "2 June 2026 at 09:00 UTC"."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y} at {at:%H:%M} UTC"
