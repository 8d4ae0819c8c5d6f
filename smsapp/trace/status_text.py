"""A delivery's state in plain words, for support and for services alike.

No words here hold a number, a body or a name.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from smsapp.delivery import reconcile, restore
from smsapp.models import Attempt, CallOutcome, Channel, DeliveryState, OptOut, OptOutSource, Reason
from smsapp.providers.twilio_errors import meaning
from smsapp.recipients.refusals import REFUSALS
from smsapp.trace import words_of_calls, words_of_mail
from smsapp.trace.timeline import Trace, trouble_of


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

CHANNELS = {
    Channel.SMS: "Text (SMS)",
    Channel.WHATSAPP: "WhatsApp",
    Channel.CALL: "Call",
    Channel.EMAIL: "E-mail",
    Channel.TEST: "Test: nothing leaves the app",
}
# How a code came; by e-mail it proves the address alone.
CODE_WAYS = {
    Channel.SMS: "by text",
    Channel.WHATSAPP: "on WhatsApp",
    Channel.CALL: "in a call",
    Channel.EMAIL: "by e-mail, for the address",
}

_PLAIN = {
    DeliveryState.SENDING: (
        "It is being handed to Twilio right now.",
        "Look again in half a minute.",
    ),
    DeliveryState.DELIVERED: (
        "The carrier says that it arrived on the phone.",
        "Nothing. If the customer does not see it, check with them that the number is theirs, "
        "and their blocked or filtered messages.",
    ),
    DeliveryState.READ: ("The customer has opened it.", "Nothing."),
    DeliveryState.EXPIRED: (
        "It waited for so long that it would have come too late to matter.",
        "Send it again if the customer still wants to know.",
    ),
}
# What broke off a call that Twilio may have taken; each goes before "so nobody can say".
BROKE_OFF_BY = {
    "lease": "our process ended before it heard Twilio's answer",
    restore.RESTORED: "our database was restored from a backup",
    "timeout": "Twilio gave no answer in time",
    "reset": "the connection to Twilio was cut",
    "tls": "the connection to Twilio was cut",
    "server_error": "Twilio answered with a fault of its own",
    "bad_answer": "what answered in Twilio's place could not be understood",
}
# Why a message was canceled where no operator did it.
CANCELED = {
    Reason.SUPERSEDED: "A later event about the same thing made it pointless before it left.",
    Reason.NOT_WANTED: "The shop's settings say that none is sent about this.",
}
# What is due within it of its event waits for a sender, and is not planned.
SOON = timedelta(minutes=1)
BROKE_OFF = "the call to Twilio broke off"


def of_delivery(trace: Trace) -> Explanation:
    """Return a delivery's state in words, with its cause and the next step."""
    state, channel = trace.delivery.state, _channel(trace)
    if channel is Channel.CALL:
        said = {step.status for step in trace.steps}
        if of_call := words_of_calls.of_state(state, said):
            return Explanation(TITLES[state], *of_call)
    is_mail = channel is Channel.EMAIL
    words = (is_mail and _MAIL_BY_TRACE.get(state)) or _BY_TRACE.get(state)
    return Explanation(TITLES[state], *(words(trace) if words else _PLAIN[state]))


def _channel(trace: Trace) -> Channel:
    """Return over which its last attempt was made; before the first, over which it is to be."""
    return trace.attempts[-1].channel if trace.attempts else trace.delivery.channel


def _waiting(trace: Trace) -> tuple[str, str]:
    due = trace.delivery.due_at
    when = f"It is due on {moment(due)}." if due else ""
    if trace.sender_state.paused_at:
        return (
            f"An operator paused all texts on {moment(trace.sender_state.paused_at)}.",
            "Wait until they are sent again: `flask sending status` says why, and "
            "`flask sending resume` goes on.",
        )
    if trace.sender_state.is_held:
        held = meaning(trace.sender_state.held_code)
        waits = "Twilio refuses all our texts, so everything waits."
        if trace.delivery.channel is Channel.EMAIL:
            waits = words_of_mail.HELD
        return (
            f"{waits} {held.cause}",
            f"{held.next_step} Nothing is lost: once that works, it is sent by itself.",
        )
    hold = trace.sender_state.held_countries.get(trace.phone.country)
    if hold:
        held = meaning(hold.code)
        return (
            f"Twilio takes none of our texts to this country, so they wait. {held.cause}",
            f"{held.next_step} Nothing is lost: once that works, it is sent by itself.",
        )
    trouble = trouble_of(trace.attempts[-1]) if trace.attempts else None
    if trouble:
        return trouble.cause, f"Wait: it is tried again by itself. {when}"
    if due and due > trace.delivery.created_at and (due.hour, due.minute, due.second) == (0, 0, 0):
        return (
            "The number has had as many texts as it may get in a day.",
            f"Wait. {when} If the texts are too many, see which service sends them.",
        )
    if due and due - trace.delivery.created_at > SOON and not trace.attempts:
        quiet = " at which it wakes nobody" if trace.delivery.waits_for_morning else ""
        return f"It is planned for a time{quiet}.", f"Wait. {when}"
    return (
        "A worker takes it in its turn.",
        f"Wait a moment. {when} If it stays, see whether a worker is running.",
    )


def _failed(trace: Trace) -> tuple[str, str]:
    newest = trace.attempts[-1] if trace.attempts else None
    if trace.delivery.reason is Reason.NO_CHANNEL and newest is None:
        return (
            "No way of writing to them is known of those that it may take.",
            "Ask the customer for an address or a number, and send the event anew.",
        )
    trouble = trouble_of(newest) if newest else None
    trouble = trouble or meaning(trace.delivery.error_code)
    if trace.delivery.reason is Reason.ATTEMPTS_SPENT:
        count = len(trace.attempts)
        return (
            f"It was tried {count} times in vain. {trouble.cause}",
            "Send it again once that is over.",
        )
    return trouble.cause, trouble.next_step


def _sent(trace: Trace) -> tuple[str, str]:
    asked_next = trace.delivery.check_at
    if asked_next:
        return (
            "Twilio took it. The carrier has not said yet whether it arrived.",
            f"Wait for the receipt. If none comes, Twilio is asked on {moment(asked_next)}.",
        )
    return (
        "Twilio took it, and no receipt came in a day. Twilio, asked since, knew no more either.",
        "Ask the customer whether it arrived: some carriers never say. Twilio's console may know "
        "more about its Message SID.",
    )


def _unknown(trace: Trace) -> tuple[str, str]:
    why = why_unknown(trace.attempts[-1] if trace.attempts else None)
    cause = f"{why[0].upper()}{why[1:]}, so nobody can say yet whether the text went out."
    if trace.delivery.check_at is None:
        return (
            cause,
            "Wait for the receipt: nothing else can tell. It is not sent again on a guess.",
        )
    return (
        cause,
        "Wait: a receipt tells, or Twilio's list of messages, where it is looked for again and "
        "again. It is not sent again on a guess. If nobody knows after 15 minutes, look the number "
        "up in Twilio's console.",
    )


def _unknown_mail(trace: Trace) -> tuple[str, str]:
    why = words_of_mail.why_unknown(trace.attempts[-1].trouble if trace.attempts else None)
    cause = f"{why[0].upper()}{why[1:]}, so nobody can say yet whether the mail went out."
    return cause, words_of_mail.UNKNOWN.next_step


def _canceled(trace: Trace) -> tuple[str, str]:
    if trace.delivery.reason in CANCELED:
        return CANCELED[trace.delivery.reason], "Nothing."
    step = "Send it again if that was a mistake."
    if any(attempt.sid for attempt in trace.attempts):
        return "It had left before, and was canceled before it was sent again.", step
    if any(_may_have_left(attempt) for attempt in trace.attempts):
        return (
            "It was canceled before it was sent again. Nobody knew whether it had left before.",
            step,
        )
    return "It was canceled before it left.", step


def _may_have_left(attempt: Attempt) -> bool:
    return attempt.outcome is CallOutcome.UNKNOWN and attempt.trouble != reconcile.ABSENT


def why_unknown(attempt: Attempt | None) -> str:
    """Return in half a sentence why nobody knows how an attempt went."""
    return BROKE_OFF_BY.get((attempt and attempt.trouble) or "", BROKE_OFF)


def _suppressed(trace: Trace) -> tuple[str, str]:
    reason = trace.delivery.reason or Reason.OPTED_OUT
    refusal = REFUSALS[reason]
    if reason is Reason.OPTED_OUT and trace.opt_out:
        return _opted_out(trace.opt_out, trace.delivery.error_code, refusal.next_step)
    return refusal.cause, refusal.next_step


def _opted_out(stop: OptOut, code: int | None, step: str) -> tuple[str, str]:
    on = moment(stop.created_at)
    match stop.source:
        case OptOutSource.TEXT:
            return f"The customer texted STOP on {on}, which stops all texts.", step
        case OptOutSource.PAGE:
            return f"The customer stopped all texts on the preferences page on {on}.", step
        case OptOutSource.OPERATOR:
            return f"An operator stopped all texts to the number on {on}.", step
    told = meaning(code).cause if code else "Twilio refuses texts to the number."
    return (
        f"{told} We know it from Twilio since {on}: no STOP had reached us.",
        "Respect it. Only the owner can change that, by texting START to our number. A STOP that "
        "was lost on its way is found at Twilio within minutes; `flask doctor` says whether texts "
        "come in at all.",
    )


_BY_TRACE = {
    DeliveryState.PENDING: _waiting,
    DeliveryState.SENT: _sent,
    DeliveryState.UNKNOWN: _unknown,
    DeliveryState.SUPPRESSED: _suppressed,
    DeliveryState.CANCELED: _canceled,
    DeliveryState.FAILED: _failed,
    DeliveryState.UNDELIVERED: _failed,
}

_MAIL_BY_TRACE = {
    DeliveryState.SENDING: lambda _: words_of_mail.SENDING,
    DeliveryState.SENT: lambda _: words_of_mail.SENT,
    DeliveryState.UNKNOWN: _unknown_mail,
}


def moment(at: datetime) -> str:
    """Return a time as "2 June 2026 at 09:00 UTC"."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y} at {at:%H:%M} UTC"
