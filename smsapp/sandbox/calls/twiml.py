"""Reading TwiML for a call: its verbs in their order, as far as the sandbox has learnt them."""

from typing import Any
from xml.etree import ElementTree

from smsapp.sandbox.inbound.twiml import XML_TYPES, BadTwiml

MAX_BYTES = 64 * 1024
# What stands in a document, and what may stand in a Gather and in a Dial.
VERBS = frozenset({"Say", "Play", "Pause", "Gather", "Dial", "Record", "Redirect", "Hangup"})
VERBS |= {"Reject"}
_NESTED = {"Gather": {"Say", "Play", "Pause"}, "Dial": {"Number"}}

Verb = dict[str, Any]


def read(content_type: str, answer: str) -> list[Verb]:
    """Return a document's verbs: {"verb", "text", "nested", and its attributes}.

    Raises:
        BadTwiml: Twilio could not use it; its text is Twilio's code and words.
    """
    if content_type.partition(";")[0].strip().lower() not in XML_TYPES:
        raise BadTwiml("12300 Invalid Content-Type")
    if len(answer.encode()) > MAX_BYTES:
        raise BadTwiml("11750 TwiML response body too large")
    if "<!DOCTYPE" in answer:
        raise BadTwiml("12100 Document parse failure")
    try:
        root = ElementTree.fromstring(answer.strip())  # noqa: S314 - no DOCTYPE, so no entities
    except ElementTree.ParseError:
        raise BadTwiml("12100 Document parse failure") from None
    if root.tag != "Response":
        raise BadTwiml("12102 Response element must be root")
    return [_verb(element, VERBS) for element in root]


def _verb(element: ElementTree.Element, allowed: frozenset[str] | set[str]) -> Verb:
    if element.tag not in allowed:
        raise BadTwiml(f"12200 Schema validation warning: {element.tag}")
    nested = [_verb(each, _NESTED.get(element.tag, set())) for each in element]
    text = (element.text or "").strip()
    return {"verb": element.tag, "text": text, "nested": nested, **element.attrib}
