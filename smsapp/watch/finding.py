"""What a rule finds."""

from dataclasses import dataclass, field
from typing import Any

from smsapp.models import AlarmKind
from smsapp.phone import mask


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now. `facts` are figures: no phone, no text, no SID of a message."""

    kind: AlarmKind
    subject: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def shown(sender: str) -> str:
    """Return what a sender may be called where anyone reads: a Service's SID, a masked number."""
    return mask(sender) if sender.startswith("+") else sender
