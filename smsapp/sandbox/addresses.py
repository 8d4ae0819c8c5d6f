"""Addresses, which tell the channel: "+14155552671" has texts, "whatsapp:+1…" WhatsApp."""

from typing import Literal

Channel = Literal["sms", "whatsapp"]
WHATSAPP = "whatsapp:"


def channel(address: str) -> Channel:
    """Return over which channel an address is reached."""
    return "whatsapp" if address.startswith(WHATSAPP) else "sms"


def number(address: str) -> str:
    """Return the phone number of an address, E.164."""
    return address.removeprefix(WHATSAPP)


def of(number: str, channel: str) -> str:
    """Return the address of a number over a channel."""
    return f"{WHATSAPP}{number}" if channel == "whatsapp" else number
