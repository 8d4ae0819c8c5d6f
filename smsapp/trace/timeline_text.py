"""The steps of a delivery in plain words, for support and for services alike.

No words here hold a number, a body or a person's name.
"""

from smsapp.delivery import reconcile, retry
from smsapp.models import Act, Channel, ConsentSource, Ignored, OptOutSource, Reason
from smsapp.providers import calls, statuses
from smsapp.providers.twilio_errors import meaning
from smsapp.recipients.refusals import REFUSALS
from smsapp.trace import words_of_mail
from smsapp.trace.status_text import BROKE_OFF, BROKE_OFF_BY, CANCELED, CHANNELS, moment
from smsapp.trace.steps import LATE, Step

_STEPS = {
    "accepted": "The event came in and was written down.",
    "sending": "We called Twilio.",
    "refused": "Twilio refused it.",
    "unwritten": "Twilio could not be reached; nothing left.",
    Act.SENT_AGAIN: "An operator had it sent again.",
    Act.CANCELED: "An operator canceled it.",
    Act.OPTED_OUT: "An operator stopped all texts to the number.",
    Act.ANSWERED: "An operator wrote it.",
    "consent_granted": "The customer agreed to texts like this.",
    "consent_withdrawn": "The customer withdrew consent for texts like this.",
    "by_template": "WhatsApp's window had closed meanwhile, so it went once more, by a template.",
    "opt_out_lifted": "The number's opt-out was lifted.",
    "stop": "The customer texted STOP.",
    "start": "The customer texted START.",
    "help": "The customer texted HELP.",
    "text": "The customer texted us.",
    "voicemail": "The customer left a voicemail.",
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
    OptOutSource.TWILIO: "when Twilio refused one, for the number had opted out there",
    OptOutSource.OPERATOR: "by an operator",
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
    if step.channel is Channel.EMAIL and (said := words_of_mail.of_step(step)):
        return said
    match step.status:
        case "permitted":
            return _permitted(step)
        case "accepted" if step.source == "twilio":
            return "Twilio took it."
        case "unknown" if step.reason == reconcile.ABSENT:
            return "Twilio's list of messages was searched twice: Twilio never took it."
        case "unknown":
            why = BROKE_OFF_BY.get(step.reason or "", BROKE_OFF)
            return f"Nobody can say whether Twilio took it: {why}."
        case "unwritten" if step.reason in retry.HELD_BACK:
            return "It was kept back a moment before it was to leave."
        case "refused":
            return f"Twilio refused it. {meaning(step.error_code, _http_status(step)).cause}"
        case "opted_out" if step.source == "smsapp":
            return f"All texts to the number were stopped {DOORS[OptOutSource(step.reason or '')]}."
        case "suppressed":
            return f"It was not sent. {REFUSALS[Reason(step.reason or '')].cause}"
        case "canceled" if step.source == "api":
            return f"A service canceled it, with the API key “{step.by}”."
        case "canceled" if step.reason in CANCELED:
            return f"It was canceled. {CANCELED[Reason(step.reason)]}"
        case "next_channel":
            way = CHANNELS[Channel(step.reason or "")]
            return f"What came before did not reach them, so it went on another way: {way}."
        case "expired":
            return "It had waited for too long and was not sent."
        case "failed":
            spent = step.reason == Reason.ATTEMPTS_SPENT
            return "We gave up after too many tries." if spent else "It will not be tried again."
    return _STEPS.get(step.status, f"{step.status}.")


def _report(step: Step) -> str:
    asked = step.source == "look_up"
    words = calls.TEXTS if step.channel is Channel.CALL else statuses.TEXTS
    what = words.get(step.status, f"“{step.status}”")
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
