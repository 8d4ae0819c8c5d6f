"""The table of channels, and what each one's messages leave from."""

from smsapp.delivery.sender import SenderSettings
from smsapp.models import Channel
from smsapp.providers.calls import Calls
from smsapp.providers.channel import Provider
from smsapp.providers.mail import Mail
from smsapp.providers.sms import Sms
from smsapp.providers.test_carrier import Carrier
from smsapp.providers.whatsapp import WhatsApp
from smsapp.recipients import mail

CHANNELS: dict[Channel, Provider] = {
    Channel.SMS: Sms(),
    Channel.WHATSAPP: WhatsApp(),
    Channel.CALL: Calls(),
    Channel.EMAIL: Mail(mail.address_of),
    Channel.TEST: Carrier(),
}

# Kinds that somebody who is called about them may answer by a key (voice/key_answers.py).
ASK_FOR_KEY = frozenset({"appointment_reminder", "incident_paged"})


def sender_of(channel: Channel) -> SenderSettings:
    """Return what the running app's settings say about a channel's sender."""
    provider = CHANNELS[channel]
    return SenderSettings(channel, provider.sender, provider.per_second)


def configured() -> list[Channel]:
    """Return the channels that the running app's settings have all for."""
    return [channel for channel, provider in CHANNELS.items() if provider.is_configured]


def senders() -> dict[Channel, SenderSettings]:
    """Return the sender of each of them."""
    return {channel: sender_of(channel) for channel in configured()}


def status_label(status: str) -> str:
    """Return a status as a metric's label: only those that a provider is known to use."""
    known = any(provider.state_of(status) for provider in CHANNELS.values())
    return status if known else "other"
