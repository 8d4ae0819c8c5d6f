"""Numbers, times and statuses as a person reads them."""

import re
from datetime import UTC, datetime, timedelta

import phonenumbers
from flask import Blueprint

from smsapp import clock, phone
from smsapp.sandbox import addresses
from smsapp.sandbox.errors import ERRORS_BY_CODE
from smsapp.sandbox.message import Message
from smsapp.sandbox.whatsapp.samples import SAMPLES, Sample

STATUS_WORDS = {
    "accepted": "Accepted",
    "queued": "Queued",
    "sent": "Sent",
    "delivered": "Delivered",
    "undelivered": "Not delivered",
    "failed": "Failed",
    "received": "Received",
    "read": "Read",
}
CHANNEL_WORDS = {"sms": "Text", "whatsapp": "WhatsApp"}
# A call is not delivered but answered.
CALL_WORDS = {
    "queued": "Ringing",
    "sent": "Answered",
    "delivered": "Code read out",
    "undelivered": "Not answered",
}
_CODE = re.compile(r"(.*? is:? )(\S+|\S(?: \S)+)", re.DOTALL)
_LINK = re.compile(r"(https?://[^\s<>\"]+[^\s<>\".,;:!?)\]'’])")


def number(e164: str) -> str:
    """Return "+14155552671" as "+1 415-555-2671"."""
    try:
        return phonenumbers.format_number(
            phonenumbers.parse(e164), phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
    except phonenumbers.NumberParseException:
        return e164


def country(e164: str) -> str:
    """Return two letters to stand for a number: its country."""
    code = phone.country(e164)
    return code if len(code) == 2 else "☎"


def clock_time(at: float, exact: bool = False) -> str:
    """Return the time of day on this desk: "09:41", or "09:41:07.250"."""
    return _local(at).time().isoformat("milliseconds" if exact else "minutes")


def day(at: float) -> str:
    """Return "Today", "Yesterday" or "Monday 3 March"."""
    today = clock.now().astimezone().date()
    that = _local(at).date()
    if that == today:
        return "Today"
    if that == today - timedelta(days=1):
        return "Yesterday"
    return f"{that:%A} {that.day} {that:%B}"


def short_time(at: float) -> str:
    """Return the time of day if it is today's, else the day."""
    return clock_time(at) if day(at) == "Today" else f"{_local(at).day} {_local(at):%b}"


def iso(at: float) -> str:
    """Return a time for a machine."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def count(number_of: int, noun: str) -> str:
    """Return "1 segment" or "2 segments"."""
    return f"{number_of:,} {noun}" + ("" if number_of == 1 else "s")


def links(text: str) -> list[tuple[str, bool]]:
    """Split a text into pieces and whether each is a link."""
    return [(piece, i % 2 == 1) for i, piece in enumerate(_LINK.split(text)) if piece]


def error(code: int) -> str:
    """Return what a carrier's error code means."""
    return ERRORS_BY_CODE[code].words if code in ERRORS_BY_CODE else "Unknown error"


def answer(text: str | None, inbound: bool = False) -> str:
    """Return how the app answered a receipt, or a customer's text."""
    what = "The app" if inbound else "receipt"
    if text is None:
        return "on its way to the app" if inbound else "receipt on its way"
    if text[:3].isdecimal():
        return f"{what} answered {text}"
    return f"{what}: {text}"


def is_trouble(text: str | None) -> bool:
    """Return whether an answer to a customer's text is worth a warning."""
    return text is not None and not (text.isdecimal() and text < "300")


def status_words(status: str, direction: str = "") -> str:
    """Return what has happened to a text, or to a call."""
    words = STATUS_WORDS | (CALL_WORDS if direction == "verify-call" else {})
    return words.get(status, status)


def code(body: str) -> tuple[str, str]:
    """Split what Verify says into the words and the code."""
    found = _CODE.fullmatch(body)
    return (found[1], found[2]) if found else (body, "")


def channel_words(channel: addresses.Channel) -> str:
    """Return what people call a channel."""
    return CHANNEL_WORDS[channel]


def sample(name: str) -> Sample:
    """Return what a customer sent in place of words."""
    return SAMPLES[name]


def gist(message: Message) -> str:
    """Return what a message says, in a line of a list."""
    return SAMPLES[message.sample].words if message.sample else message.body


def register(bp: Blueprint) -> None:
    """Give the templates these words as filters."""
    of_time = (clock_time, day, short_time, iso)
    of_texts = (number, country, count, links, error, answer, is_trouble, status_words, code)
    of_channels = (channel_words, sample, gist)
    for word in (*of_time, *of_texts, *of_channels):
        bp.add_app_template_filter(word)


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone()
