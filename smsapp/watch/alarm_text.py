"""An alarm in plain words: one sentence says what is wrong, another what to do."""

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


_STEPS = {
    AlarmKind.COUNTRY_RATE: "See the error codes, and Twilio's status page for that country.",
    AlarmKind.SENDER_RATE: "See the error codes: one that leads points at its cause.",
    AlarmKind.OUTBOX_OLD: (
        "See whether a worker runs, whether sending is held, and whether "
        "MESSAGES_PER_SECOND is lower than what comes in."
    ),
    AlarmKind.UNKNOWN_OLD: (
        "Look the texts up in Twilio's console by their number and time; nothing is sent twice "
        "meanwhile."
    ),
    AlarmKind.SENDER_HELD: (
        "See the error code. Texts wait, none is lost, and they leave by themselves once it works."
    ),
    AlarmKind.RECEIPTS_SILENT: (
        "See that PUBLIC_BASE_URL can be reached from outside, with a certificate that is valid."
    ),
    AlarmKind.SIGNATURES_REFUSED: (
        "See that TWILIO_AUTH_TOKEN is the account's and PUBLIC_BASE_URL is the address that "
        "Twilio calls; while a token is rotated, set TWILIO_AUTH_TOKEN_SECONDARY too."
    ),
    AlarmKind.LOOK_UPS_DOUBTFUL: (
        "Look the texts up in Twilio's console; they stay unknown until a receipt comes."
    ),
    AlarmKind.NO_WORKER: "Start `flask worker`: until then nothing that waits is sent.",
}


def sentence(kind: AlarmKind, subject: str, facts: dict[str, Any]) -> str:
    """Return the sentence that says what is wrong."""
    match kind:
        case AlarmKind.COUNTRY_RATE:
            return f"Of {facts['sample']} texts to {subject} in {_window(facts)}, {_rate(facts)}."
        case AlarmKind.SENDER_RATE:
            return f"Of {facts['sample']} texts from {subject} in {_window(facts)}, {_rate(facts)}."
        case AlarmKind.OUTBOX_OLD if facts.get("paused"):
            waits = duration(facts["seconds"])
            return f"An operator has paused all texts, and one has been due for {waits}."
        case AlarmKind.OUTBOX_OLD:
            return f"A text has been due for {duration(facts['seconds'])} and is not sent."
        case AlarmKind.UNKNOWN_OLD:
            texts = _texts(facts["count"], "is", "are")
            return f"{texts} of unknown fate, the oldest for {duration(facts['seconds'])}."
        case AlarmKind.SENDER_HELD:
            return f"Twilio refuses our account or the sender {subject}, so all texts wait."
        case AlarmKind.RECEIPTS_SILENT:
            return f"Texts go out, but no receipt came for any of the last {facts['count']}."
        case AlarmKind.SIGNATURES_REFUSED:
            return f"{facts['count']} webhooks came in ten minutes whose signature is not ours."
        case AlarmKind.LOOK_UPS_DOUBTFUL:
            return "Twilio was asked about a text, and its answer could not be told from another's."
        case AlarmKind.NO_WORKER:
            seen = facts.get("seconds")
            since = "ever" if seen is None else f"for {duration(seen)}"
            return f"No worker has shown itself {since}."


def next_step(kind: AlarmKind, facts: dict[str, Any]) -> str:
    """Return the sentence that says what to do about it."""
    if facts.get("paused"):
        return "Let them go with `flask sending resume` once what it was paused for is over."
    return _STEPS[kind]


def codes(facts: dict[str, Any]) -> list[CodeCount]:
    """Return the error codes that an alarm names, the commonest first."""
    return [
        CodeCount(str(code) if code else "none", count, meaning(code))
        for code, count in facts.get("codes", [])
    ]


def duration(seconds: float) -> str:
    """Return a time as one says it: "40 seconds", "5 minutes", "3 hours", "2 days"."""
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size or seconds == size:
            return _number(int(seconds // size), unit)
    return _number(int(seconds), "second")


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _texts(count: int, one: str, many: str) -> str:
    return f"{_number(count, 'text')} {one if count == 1 else many}"


def _window(facts: dict[str, Any]) -> str:
    return duration(facts["minutes"] * 60)


def _rate(facts: dict[str, Any]) -> str:
    if not facts["rate"]:
        return "none arrived"
    return f"only {facts['rate']:g} % arrived"
