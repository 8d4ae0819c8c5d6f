"""A mail server that does as it is told, over real SMTP."""

import asyncio
import email
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.providers.raw_server import CERTIFICATE
from tests.system import free_port

USER, PASSWORD = "shop@example.com", "p/w"


@dataclass
class MailServer:
    """What it replies to each command, in the order told, and what it took.

    A reply is a line, a number of seconds to wait before the usual one, or "cut".
    """

    port: int
    replies: dict[str, list[Any]] = field(default_factory=dict)
    mails: list[bytes] = field(default_factory=list)
    rcpts: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def newest(self) -> EmailMessage:
        found = email.message_from_bytes(self.mails[-1], policy=default)
        assert isinstance(found, EmailMessage)
        return found

    def will(self, command: str, *replies: Any) -> None:
        self.replies.setdefault(command, []).extend(replies)

    async def _reply(self, command: str, server: SMTP, usual: str) -> str:
        told = self.replies.get(command)
        reply = told.pop(0) if told else usual
        if reply == "cut":
            server.transport.abort()
            return usual
        if isinstance(reply, int | float):
            await asyncio.sleep(reply)
            return usual
        return str(reply)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*answers[:-1], await self._reply("EHLO", server, answers[-1])]

    async def handle_NOOP(self, server: SMTP, *_: Any) -> str:
        return await self._reply("NOOP", server, "250 OK")

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        envelope.mail_from = address
        return await self._reply("MAIL", server, "250 OK")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        reply = await self._reply("RCPT", server, "250 OK")
        if reply.startswith("25"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        reply_first = self.replies.get("DATA", [None])[:1]
        if reply_first != ["cut"]:
            assert isinstance(envelope.content, bytes)
            self.mails.append(envelope.content)
            self.rcpts += envelope.rcpt_tos
        return await self._reply("DATA", server, "250 Queued")


@contextmanager
def serving(*, tls: bool = False, starttls: bool = False, auth: bool = False) -> Iterator[Any]:
    """Run a mail server of its own on this machine."""
    server = MailServer(free_port())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    options: dict[str, Any] = {}
    if tls:
        options["ssl_context"] = context
    if starttls:
        options |= {"tls_context": context, "require_starttls": True}
    if auth:
        options |= {"authenticator": _authenticate, "auth_required": True}
        options["auth_require_tls"] = starttls
    controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def _authenticate(_server: SMTP, _session: Session, _env: Envelope, how: str, data: Any) -> Any:
    assert isinstance(data, LoginPassword)
    good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=good)
