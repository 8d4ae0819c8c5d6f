"""SMTP as a mail server speaks it, on this machine alone; the weather says what goes wrong."""

import asyncio
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from smsapp.sandbox.desk import Desk
from smsapp.sandbox.mail import mailbox

# What the weather has the server reply to whom a mail is for.
REPLIES = {
    "mail_refused": "550 5.1.1 There is no such mailbox here",
    "mail_busy": "450 4.2.0 Greylisted: come again in a few minutes",
}


class Handler:
    """What aiosmtpd asks at each step."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """Take whoever a mail is for."""
        for name, reply in REPLIES.items():
            if self._desk.weather.strikes(name):
                return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take a mail; in bad weather say nothing about it."""
        content = envelope.content
        whole = content.encode() if isinstance(content, str) else content or b""
        for recipient in envelope.rcpt_tos:
            await asyncio.to_thread(mailbox.keep, self._desk, recipient, whole)
        if self._desk.weather.strikes("mail_silence"):
            await asyncio.sleep(self._desk.config.hang_seconds)
        return "250 OK"


def serving(desk: Desk) -> Controller | None:
    """Start the server in a thread of its own; return None where the desk has no port for it."""
    if desk.config.mail_port is None:
        return None
    server = Controller(Handler(desk), hostname="127.0.0.1", port=desk.config.mail_port)
    server.start()
    return server
