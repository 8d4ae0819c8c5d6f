"""What an endpoint's address may be. Where its name leads is looked at when it is connected to."""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from smsapp.providers.public_addresses import is_public

LONGEST = 500
_URL = re.compile(r"https?://[!-~]+")


def fault(url: str, *, allow_private: bool) -> str | None:
    """Return what is wrong with an address, in words that end a sentence; None for nothing."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "must be a URL such as https://shop.example.com/webhooks"
    if not url.isascii():
        return "must be written in ASCII: a name as xn--…, the rest percent-encoded"
    if not _URL.fullmatch(url) or not host or port == 0 or len(url) > LONGEST:
        return f"must be a URL of at most {LONGEST} characters, without spaces"
    if "@" in parts.netloc:
        return "must hold no user name or password: what comes from us is known by its signature"
    if parts.fragment or url.endswith("#"):
        return "must have no fragment"
    if allow_private:
        return None
    if parts.scheme != "https":
        return "must begin with https://"
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return "must not be this machine's"
    literal = _literal(host)
    if literal is None or is_public(literal):
        return None
    return "must be an address that the whole internet can reach"


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is, also where written as 0x7f.1 or so; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
