"""An alarm in plain words: one sentence says what is wrong, another what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from smsapp.models import AlarmKind
from smsapp.providers.twilio_errors import ErrorMeaning, meaning


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often an error code came and what it means; `label` is "none" where there was none."""

    label: str
    count: int
    meaning: ErrorMeaning


# What is wrong, with the facts in their places, and what to do about it.
_WORDS = {
    AlarmKind.COUNTRY_RATE: (
        "Of {sample} texts to {subject} in {minutes}, {rate}.",
        "See the error codes, and Twilio's status page for that country.",
    ),
    AlarmKind.SENDER_RATE: (
        "Of {sample} texts from {subject} in {minutes}, {rate}.",
        "See the error codes: one that leads points at its cause.",
    ),
    AlarmKind.OUTBOX_OLD: (
        "A text has been due for {seconds} and is not sent.",
        "See whether a worker runs, whether sending is held, and whether "
        "MESSAGES_PER_SECOND is lower than what comes in.",
    ),
    AlarmKind.UNKNOWN_OLD: (
        "{texts} of unknown fate, the oldest for {seconds}.",
        "Look the texts up in Twilio's console by their number and time; nothing is sent twice "
        "meanwhile.",
    ),
    AlarmKind.SENDER_HELD: (
        "Twilio refuses our account or the sender {subject}, so all texts wait.",
        "See the error code. Texts wait, none is lost, and they leave by themselves once it works.",
    ),
    AlarmKind.RECEIPTS_SILENT: (
        "Texts go out, but no receipt came for any of the last {count}.",
        "See that PUBLIC_BASE_URL can be reached from outside, with a certificate that is valid.",
    ),
    AlarmKind.SIGNATURES_REFUSED: (
        "{count} webhooks came in ten minutes whose signature is not ours.",
        "See that TWILIO_AUTH_TOKEN is the account's and PUBLIC_BASE_URL is the address that "
        "Twilio calls; while a token is rotated, set TWILIO_AUTH_TOKEN_SECONDARY too.",
    ),
    AlarmKind.LOOK_UPS_DOUBTFUL: (
        "Twilio was asked about a text, and its answer could not be told from another's.",
        "Look the texts up in Twilio's console; they stay unknown until a receipt comes.",
    ),
    AlarmKind.NO_WORKER: (
        "No worker has shown itself {since}.",
        "Start `flask worker`: until then nothing that waits is sent.",
    ),
    AlarmKind.CODES_HALF_SPENT: (
        "{count} codes were sent within one {subject}, of {budget} that may be.",
        "See in the log to which countries. If it is a rush of customers, raise "
        "VERIFY_BUDGET_PER_HOUR or _PER_DAY; if not, narrow VERIFY_COUNTRIES.",
    ),
    AlarmKind.CODES_SPENT: (
        "The budget of {budget} codes within one {subject} is spent: nobody gets a code for now.",
        "See in the log to which countries. If it is a rush of customers, raise "
        "VERIFY_BUDGET_PER_HOUR or _PER_DAY; if not, narrow VERIFY_COUNTRIES.",
    ),
    AlarmKind.ENDPOINT_DISABLED: (
        "The webhook endpoint {subject} took nothing for a day, or answered 410, and is disabled.",
        "See with its owner why it fails; then `flask webhook-endpoint enable`, or `disable` if it "
        "is to stay so.",
    ),
    AlarmKind.NOBODY_ON_CALL: (
        "Nobody who may be paged is on call now.",
        "See the rota: `flask oncall rota`, or the console. An incident goes on to its next step "
        "meanwhile.",
    ),
    AlarmKind.ON_CALL_SILENCED: (
        "{subject}, who is on call, has stopped all texts, so no page reaches them.",
        "Respect it. Let somebody else be on call, or ask them to text START to our number.",
    ),
    AlarmKind.INCIDENT_UNANSWERED: (
        "Nobody has answered {incidents}, though all steps were gone through.",
        "See the console's incidents, and take it there. Then see why nobody answered.",
    ),
}
# The same where an operator has paused all texts.
_PAUSED = (
    "An operator has paused all texts, and one has been due for {seconds}.",
    "Let them go with `flask sending resume` once what it was paused for is over.",
)
# The same where Twilio refuses the texts to one country alone.
_COUNTRY_HELD = (
    "Twilio takes no texts from {subject}, so these wait.",
    _WORDS[AlarmKind.SENDER_HELD][1],
)
# The same where it is the mail server that refuses us.
_MAILS_HELD = (
    "Our mail server takes no mails from us, so all mails wait.",
    "See what `flask doctor` says of it. None is lost, and they leave by themselves once it works.",
)


def sentence(kind: AlarmKind, subject: str, facts: dict[str, Any]) -> str:
    """Return the sentence that says what is wrong."""
    template, _ = _words(kind, facts)
    count, seconds, rate = facts.get("count", 0), facts.get("seconds"), facts.get("rate")
    shown_as = {
        "subject": subject,
        "texts": f"{_number(count, 'text')} {'is' if count == 1 else 'are'}",
        "incidents": _number(count, "incident"),
        "seconds": duration(seconds or 0),
        "since": "ever" if seconds is None else f"for {duration(seconds)}",
        "minutes": duration(facts.get("minutes", 0) * 60),
        "rate": f"only {rate:g} % arrived" if rate else "none arrived",
    }
    return template.format(**facts | shown_as)


def next_step(kind: AlarmKind, facts: dict[str, Any]) -> str:
    """Return the sentence that says what to do about it."""
    return _words(kind, facts)[1]


def _words(kind: AlarmKind, facts: dict[str, Any]) -> tuple[str, str]:
    if facts.get("paused"):
        return _PAUSED
    if facts.get("mails"):
        return _MAILS_HELD
    return _COUNTRY_HELD if facts.get("country") else _WORDS[kind]


def codes(counts: Iterable[tuple[int, int]]) -> list[CodeCount]:
    """Return error codes and how often each came, with what they mean."""
    return [CodeCount(str(code or "none"), count, meaning(code)) for code, count in counts]


def duration(seconds: float) -> str:
    """Return a time as one says it: "40 seconds", "5 minutes", "3 hours", "2 days"."""
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size or seconds == size:
            return _number(int(seconds // size), unit)
    return _number(int(seconds), "second")


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
