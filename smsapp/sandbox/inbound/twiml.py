"""Reading what the app answers to a customer's text."""

from dataclasses import dataclass
from xml.etree import ElementTree

XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})


class BadTwiml(ValueError):
    """An answer that Twilio could not use; its text is Twilio's code and words."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A text that the app wants sent back."""

    body: str
    callback: str | None = None


def replies(content_type: str, answer: str) -> list[Reply]:
    """Return the texts that an answer asks for.

    Plain text is itself sent to the customer, as Twilio does: an app that answers "OK" here
    shall see it.

    Raises:
        BadTwiml: It is neither plain text nor TwiML.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if not answer.strip():
        return []
    if kind == "text/plain":
        return [Reply(answer.strip())]
    if kind not in XML_TYPES:
        raise BadTwiml("12300 Invalid Content-Type")
    if "<!DOCTYPE" in answer:
        raise BadTwiml("12100 Document parse failure")
    try:
        root = ElementTree.fromstring(answer.strip())  # noqa: S314 - no DOCTYPE, so no entities
    except ElementTree.ParseError:
        raise BadTwiml("12100 Document parse failure") from None
    if root.tag != "Response":
        raise BadTwiml("12102 Response element must be root")
    return [_reply(message) for message in root.iter("Message")]


def _reply(message: ElementTree.Element) -> Reply:
    bodies = message.findall("Body")
    words = "".join(b.text or "" for b in bodies) if bodies else message.text or ""
    return Reply(words.strip(), message.get("statusCallback"))
