"""E-mail addresses: reading one, masking one, and who a mail is from."""

import re
from dataclasses import dataclass
from email.headerregistry import Address
from typing import Any

import email_validator

# Where the contract wants an example.
EXAMPLE = "ann@example.com"

_RULES: dict[str, Any] = {
    # A request does not wait for somebody else's name server.
    "check_deliverability": False,
    # Letters beyond ASCII before the @ reach nobody whose mail server is an older one.
    "allow_smtputf8": False,
    "strict": True,
}
_NAMED = re.compile(r'"?([^<>"\x00-\x1f\x7f]*)"? *<([^<>]*)>')


class InvalidAddress(ValueError):
    """An address that cannot be one. Its text never repeats the address."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Who a mail is from: an address, and the name that is shown in its place, or ""."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """Return what stands after the @."""
        return self.address.partition("@")[2]

    def __str__(self) -> str:
        return str(Address(self.name, addr_spec=self.address))


def parse(text: str) -> str:
    """Return the one spelling of an e-mail address: its domain in lower case and in ASCII.

    Raises:
        InvalidAddress: It has not the form of one.

    Source: RFC 5321, section 4.1.2, without quoted names and addresses of machines.
    """
    try:
        return str(email_validator.validate_email(text, **_RULES).ascii_email)
    except email_validator.EmailNotValidError:
        raise InvalidAddress(f"must be an e-mail address such as {EXAMPLE}") from None


def parse_mailbox(text: str) -> Mailbox:
    """Return an address that may have a name before it: "Corner Books <books@example.com>".

    Raises:
        InvalidAddress: It has not the form of one.
    """
    named = _NAMED.fullmatch(text)
    try:
        return Mailbox(named[1].strip(), parse(named[2])) if named else Mailbox("", parse(text))
    except InvalidAddress:
        raise InvalidAddress(
            f"must be an address such as {EXAMPLE}, or Corner Books <{EXAMPLE}>"
        ) from None


def mask(address: str) -> str:
    """Return an address as it may be shown: "a…@e….com"."""
    local, _, domain = address.partition("@")
    name, dot, end = domain.rpartition(".")
    return f"{local[:1]}…@{name[:1]}…{dot}{end}"
