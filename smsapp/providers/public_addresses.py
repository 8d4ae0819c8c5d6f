"""Which addresses are the internet's, and not of this machine or of the network it stands in."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# Gateways to IPv4: who connects there may end anywhere. Sources: RFC 6052, RFC 8215, RFC 3056.
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"), ip_network("2002::/16"))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one that the whole internet can reach."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address.is_site_local or any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def is_public_text(text: str) -> bool:
    """Whether an address as a socket has it is public; False for what is no address."""
    try:
        return is_public(ip_address(text.partition("%")[0]))
    except ValueError:
        return False
