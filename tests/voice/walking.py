"""A caller who knows TwiML and nothing else: what is heard, what may be done, where it leads."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

from smsapp import phone_menu
from smsapp.languages import ENGLISH
from smsapp.voice import menu
from smsapp.voice.menu import Shop

KEYS = "0123456789*#"
EXAMPLE = phone_menu.read(phone_menu.EXAMPLE_FILE)
# Thursday, 12 February 2026: at eleven in New York it is open, at three in the morning it is not.
OPEN, CLOSED = datetime(2026, 2, 12, 16, tzinfo=UTC), datetime(2026, 2, 12, 8, tzinfo=UTC)
PHONES = {"shop": ("+12025550100",), "orders": ("+12025550101", "+12025550102")}
# The caller's one order.
ORDER, STATUS = "1001", "Your order 1001 has shipped. Tracking: https://example.com/track/1001"


def shop(now: datetime = OPEN, of: Any = EXAMPLE) -> Shop:
    return Shop(of, dict.fromkeys(of.dials, ("+12025550100",)) | PHONES, now)


@dataclass(frozen=True)
class Done:
    """What somebody does: keys, words, neither, which is silence; or what becomes of a call."""

    keys: str = ""
    said: str = ""
    status: str = ""

    def __str__(self) -> str:
        return self.keys or (f"“{self.said}”" if self.said else self.status or "silence")


def asks(where: Shop, url: str, done: Done) -> ElementTree.Element:
    """Return what the shop says at an address after something was done."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    place = where.place(given["at"], given["lang"], int(given["miss"]), int(given["step"]))
    match parts.path.removeprefix("/twilio/voice/"):
        case "menu":
            answer = menu.choose(where, place, done.keys, done.said)
        case "order":
            status = (STATUS, ENGLISH) if done.keys == ORDER else None
            answer = menu.order(where, place, done.keys, status)
        case "dialed":
            answer = menu.dialed(where, place, done.status)
        case "recorded":
            answer = menu.recorded(where, place, hung_up=done.keys == "hangup")
        case other:
            raise AssertionError(f"nobody answers at {other}")
    return ElementTree.fromstring(str(answer))


def ways_on(document: ElementTree.Element) -> Iterator[tuple[Done, str]]:
    """Yield what may be done after a document, and the address that each leads to.

    As Twilio does it: silence asks nobody, but goes on with the next verb; nothing that stands
    after a Dial with an action, a Redirect or a Hangup is ever reached.
    """
    for place, verb in enumerate(document):
        action = verb.get("action", "")
        if verb.tag == "Gather":
            is_menu = verb.get("numDigits") == "1"
            if is_menu:
                assert verb.get("finishOnKey") == "", "a hash would be silence"
                yield from ((Done(keys=key), action) for key in KEYS)
            else:
                yield from ((Done(keys=keys), action) for keys in (ORDER, "77"))
            if "speech" in verb.get("input", ""):
                yield Done(said="mumble mumble"), action
                yield from ((Done(said=word), action) for word in verb.get("hints", "").split(", "))
            after = document[place + 1]
            assert after.tag == "Redirect", "silence would hang up"
            yield Done(), after.text or ""
            return
        if verb.tag == "Dial":
            assert list(verb), "nobody is rung"
            outcomes = ("completed", "busy", "no-answer", "failed", "canceled")
            yield from ((Done(status=status), action) for status in outcomes)
            return
        if verb.tag == "Record":
            yield Done(keys="#"), action
            yield Done(keys="hangup"), action
        if verb.tag in ("Hangup", "Redirect"):
            return


def ends_well(document: ElementTree.Element) -> bool:
    """Whether a document from which nothing leads on is an end that was meant."""
    tags = [verb.tag for verb in document]
    return tags == [] or tags[-1] == "Hangup"
