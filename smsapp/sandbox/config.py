"""What the sandbox is told when it starts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from smsapp.sandbox import addresses

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# What Twilio lends to whoever tries WhatsApp.
# Source: https://www.twilio.com/docs/whatsapp/sandbox
WHATSAPP_NUMBER = "+14155238886"


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """One account on one desk.

    Attributes:
        account_sid: The only account there is: "AC" and 32 hex digits.
        auth_token: Its token; signs everything that is posted to the app.
        from_number: The shop's sender, E.164.
        whatsapp_from: The shop's WhatsApp sender, E.164.
        database: The SQLite file; made, with its folder, when missing.
        api_key_sid: An API key that may sign in as well as the token.
        api_key_secret: Its secret.
        public_base_url: Where the app is reached. Receipts go to this host and to loopback;
            to no other, so that nothing leaves the machine by mistake.
        pace: Factor on every delay of the carrier; 0 makes receipts immediate.
        hang_seconds: How long a send that "never" answers keeps its connection.
        seed: Makes the weather's dice repeatable.
        verify_service_sid: The only Verify service there is; None lets any pass.
        verify_friendly_name: What codes are signed with.
        inbound_url: Where customers' texts are posted, with connection overrides as its
            fragment; None means /twilio/inbound of `public_base_url`.
        inbound_method: What Twilio is told to use for it; the sandbox always posts.
        messaging_service_sid: The only Messaging Service there is; None lets any pass.
        account_status: active, suspended or closed.
        account_type: Full or Trial.
        number_sends_texts: Whether the sender has the capability SMS.
        voice_number: The number that calls come from and go to, E.164; None: there are none.
        voice_url: What is asked when somebody rings it; None: nobody can.
        voice_fallback_url: What is asked where that gives nothing.
        voice_status_url: Where is posted how their calls ended.
        mail_port: Where mails are taken, by SMTP; None: none are.
        let_pass: Lets time pass for the app; None where nobody can.
    """

    account_sid: str
    auth_token: str
    from_number: str
    database: Path
    api_key_sid: str | None = None
    api_key_secret: str | None = None
    whatsapp_from: str = WHATSAPP_NUMBER
    public_base_url: str = ""
    pace: float = 1.0
    hang_seconds: float = 60.0
    seed: int | None = None
    verify_service_sid: str | None = None
    verify_friendly_name: str = "Shop"
    inbound_url: str | None = None
    inbound_method: str = "POST"
    messaging_service_sid: str | None = None
    account_status: str = "active"
    account_type: str = "Full"
    number_sends_texts: bool = True
    voice_number: str | None = None
    voice_url: str | None = None
    voice_fallback_url: str | None = None
    voice_status_url: str | None = None
    mail_port: int | None = None
    let_pass: Callable[[timedelta], None] | None = None

    @property
    def inbound_webhook(self) -> str | None:
        """Return where customers' texts are posted; None: nowhere."""
        if self.inbound_url or not self.public_base_url:
            return self.inbound_url
        return f"{self.public_base_url.rstrip('/')}/twilio/inbound#rc=5&rp=all"

    def sender_to(self, customer: str) -> str:
        """Return the shop's address on the channel of a customer's address."""
        channel = addresses.channel(customer)
        number = self.whatsapp_from if channel == "whatsapp" else self.from_number
        return addresses.of(number, channel)

    def reaches(self, host: str | None) -> bool:
        """Return whether a receipt may be posted to `host`."""
        return host is not None and host in LOOPBACK | {urlsplit(self.public_base_url).hostname}
