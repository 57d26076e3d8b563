"""Addresses that a message may go to: public ones, whatever they are wrapped in."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

# NAT64 (RFC 6052, RFC 8215) and 6to4 (RFC 3056) lead to the IPv4 address that they carry.
_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("2002::/16"))


def public(address: str) -> bool:
    """Tell whether an IP address, as a resolver writes it, is public: of nobody's own network, and of one host.

    Raises ValueError if it is no IP address.
    """
    known = ip_address(address)
    if isinstance(known, IPv6Address):
        if known.ipv4_mapped is not None:
            return _public(known.ipv4_mapped)
        if known.teredo is not None or any(known in network for network in _TRANSLATED):
            return False
    return _public(known)


def _public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)
