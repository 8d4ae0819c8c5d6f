"""What a rule of rules.py finds."""

from dataclasses import dataclass, field
from typing import Any

from smsapp.models import AlarmKind
from smsapp.phone import mask


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now.

    Attributes:
        kind: Which alarm it raises.
        subject: What is wrong: a country, a sender as display_name has it, the span of a budget;
            "" for all texts.
        facts: The figures for its sentence. They hold no phone, no text and no SID of a message.
    """

    kind: AlarmKind
    subject: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def display_name(sender: str) -> str:
    """Return a sender's name for pages and logs: a Messaging Service's SID, or a masked number.

    One of another channel's has that before it: "whatsapp:+*******8886".
    """
    channel, colon, name = sender.rpartition(":")
    return channel + colon + (mask(name) if name.startswith("+") else name)
