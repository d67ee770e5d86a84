# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic selectors as networks. One with a protocol, a range or `dynamic` is more, or other, than a network."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

Network = IPv4Network | IPv6Network


def normalize_selector(text: str) -> str:
    """A selector in one spelling; a bare address gets its /32 or /128."""
    network, bracket, rest = "".join(text.split()).lower().partition("[")
    try:
        return str(ip_network(network, strict=False)) + bracket + rest
    except ValueError:
        return network + bracket + rest


def strip_protocol(text: str) -> str:
    """A selector without its protocol and port."""
    return text.partition("[")[0]


def parse_network(text: str) -> Network | None:
    """The network of a selector; None where it is not just a network."""
    try:
        return ip_network("".join(text.split()), strict=False)
    except ValueError:
        return None


def list_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks of those selectors that are just networks."""
    return tuple(network for text in texts if (network := parse_network(text)))


def list_all_networks(texts: Iterable[str]) -> tuple[Network, ...] | None:
    """The networks of selectors; None where one of them is not just a network."""
    selectors = list(texts)
    networks = list_networks(selectors)
    return networks if len(networks) == len(selectors) else None


def collapse_networks(networks: Iterable[Network]) -> frozenset[Network]:
    """In one spelling: two halves of a network are that network, and one that lies in another is left out."""
    found = list(networks)
    four = collapse_addresses(n for n in found if isinstance(n, IPv4Network))
    six = collapse_addresses(n for n in found if isinstance(n, IPv6Network))
    return frozenset((*four, *six))


def lies_inside(one: Network, other: Network) -> bool:
    """Whether one network lies in another, or is it."""
    same = one.version == other.version and one.prefixlen >= other.prefixlen
    return same and one.network_address in other


def overlap(some: Iterable[Network], others: Iterable[Network]) -> bool:
    """Whether any network of the one has an address in common with any of the other."""
    both = list(others)
    return any(a.version == b.version and a.overlaps(b) for a in some for b in both)
