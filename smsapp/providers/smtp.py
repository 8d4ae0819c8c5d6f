"""One conversation with a mail server: one mail, one recipient, and what is certain afterwards."""

import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

import certifi

from smsapp.config_types import MailServer
from smsapp.providers import mail_codes
from smsapp.providers.outcomes import Failure, Refused, Unknown, Unwritten

# How long a server may take to say goodbye; by then it has the mail.
QUIT_SECONDS = 1.0

_REASONS = (
    (socket.gaierror, "dns"),
    (ssl.SSLError, "tls"),
    (smtplib.SMTPNotSupportedError, "tls"),  # it has no STARTTLS
    (TimeoutError, "timeout"),
)


class _No(Exception):
    """The server's reply was not the one that is needed to go on."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Session:
    """A connection whose every wait ends when the time of the whole call is over."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._smtp: smtplib.SMTP | None = None

    def sign_in(self, server: MailServer, hello: str) -> None:
        """Connect, with TLS as the settings say, and sign in where they name a user."""
        try:
            if server.tls:
                self._smtp = smtplib.SMTP_SSL(
                    server.host, server.port, hello, timeout=self._left(), context=_context()
                )
            else:
                self._smtp = smtplib.SMTP(server.host, server.port, hello, timeout=self._left())
            if server.starttls:
                self.smtp.ehlo_or_helo_if_needed()
                self.smtp.starttls(context=_context())
            self.smtp.ehlo_or_helo_if_needed()
        except smtplib.SMTPResponseException as refused:
            raise _No(_about_us(refused.smtp_code)) from None
        if server.user is not None:
            self._log_in(server.user, server.password)

    def _log_in(self, user: str, password: str) -> None:
        try:
            self.smtp.login(user, password)
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPResponseException as refused:
            raise _No(_about_us(refused.smtp_code)) from None
        except smtplib.SMTPException:  # it knows no way in that we know
            raise _No(534) from None

    @property
    def smtp(self) -> smtplib.SMTP:
        """The connection, with as much time as is left."""
        if self._smtp is None or self._smtp.sock is None:
            raise smtplib.SMTPServerDisconnected
        self._smtp.sock.settimeout(self._left())
        return self._smtp

    def _left(self) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def quit(self) -> None:
        """Say goodbye; whatever comes of that changes nothing."""
        with suppress(OSError):
            self.smtp.sock.settimeout(QUIT_SECONDS)  # type: ignore[union-attr]
            self.smtp.quit()

    def close(self) -> None:
        """Hang up."""
        if self._smtp is not None:
            self._smtp.close()


@contextmanager
def _session(seconds: float) -> Iterator[_Session]:
    session = _Session(seconds)
    try:
        yield session
    finally:
        session.close()


def hand_over(
    server: MailServer, sender: str, to: str, content: str, seconds: float
) -> Failure | None:
    """Hand a mail to the server; return None once it has taken it, else what is certain.

    Args:
        sender, to: Addresses.
        content: The whole mail, headers and body, in ASCII.
        seconds: For all of it, from looking up the server's name on.
    """
    is_written = False
    with _session(seconds) as session:
        try:
            session.sign_in(server, sender.partition("@")[2])
            code, _ = session.smtp.mail(sender)
            _demand(250, _about_us(code) if code >= 500 else code)
            code, _ = session.smtp.rcpt(to)
            _demand(251 if code == 251 else 250, code)  # 251: it forwards it
            code, _ = session.smtp.docmd("DATA")
            _demand(354, code)
            is_written = True
            session.smtp.send(f"{smtplib.quotedata(content.rstrip())}\r\n.\r\n")
            code, _ = session.smtp.getreply()
            _demand(250, code)
        except _No as no:
            if 400 <= no.code < 600:
                return Refused(no.code, no.code, mail_codes.AGAIN_AFTER.get(no.code))
            return _broken("bad_answer", is_written=is_written)
        except (OSError, UnicodeError) as error:
            return _broken(_reason(error, is_written=is_written), is_written=is_written)
        session.quit()
    return None


def check(server: MailServer, hello: str, seconds: float) -> Failure | None:
    """Sign in and say NOOP; return None if the server takes both."""
    with _session(seconds) as session:
        try:
            session.sign_in(server, hello)
            code, _ = session.smtp.noop()
            _demand(250, code)
        except _No as no:
            return Refused(no.code, no.code, None)
        except (OSError, UnicodeError) as error:
            return _broken(_reason(error, is_written=False), is_written=False)
        session.quit()
    return None


def _demand(wanted: int, code: int) -> None:
    if code != wanted:
        raise _No(code)


def _about_us(code: int) -> int:
    """Return what a refusal before anybody was named is told as."""
    is_listed = code in mail_codes.HOLDS_SENDER or code < 500
    return code if is_listed else mail_codes.OURS


def _broken(reason: str, *, is_written: bool) -> Unwritten | Unknown:
    """Judge a conversation that broke off: from DATA on, nobody knows what became of the mail."""
    return Unknown(reason, None, None) if is_written else Unwritten(reason)


def _reason(error: BaseException, *, is_written: bool) -> str:
    # smtplib tells of a timeout as of a connection that was closed.
    for each in (error, error.__context__):
        for kind, word in _REASONS:
            if isinstance(each, kind):
                return word
    if isinstance(error, UnicodeError):  # of the server's name
        return "dns"
    return "reset" if is_written else "connect"


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    """Return what certificates are checked with: those of this machine, and certifi's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
