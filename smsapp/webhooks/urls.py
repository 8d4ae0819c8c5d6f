"""What an endpoint's address may be. Where its name leads is looked at when it is connected to."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from smsapp.providers.public_addresses import is_public

LONGEST = 500
_URL = re.compile(r"https?://[!-~]+")


def fault(url: str, *, allow_private: bool) -> str | None:
    """Return what is wrong with an address, in words that end a sentence; None for nothing."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "must be a URL such as https://shop.example.com/webhooks"
    if not _URL.fullmatch(url) or not host or len(url) > LONGEST:
        return f"must be a URL of at most {LONGEST} characters, without spaces"
    if "@" in parts.netloc:
        return "must hold no user name or password: what comes from us is known by its signature"
    if parts.fragment or url.endswith("#"):
        return "must have no fragment"
    if allow_private:
        return None
    if parts.scheme != "https":
        return "must begin with https://"
    try:
        literal = ip_address(host)
    except ValueError:
        is_local = host == "localhost" or host.endswith(".localhost")
        return "must not be this machine's" if is_local else None
    return None if is_public(literal) else "must be an address that the whole internet can reach"
