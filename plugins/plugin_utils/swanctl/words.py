"""Identities, addresses and traffic selectors in one spelling, so that they compare."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from ..model import Connection


def identities(connection: Connection) -> tuple[str | None, str | None]:
    """Own and peer identity; with a PSK an own one that is not set is the local address (ike_auth.c)."""
    own = connection.local[0].id if connection.local else None
    peer = connection.remote[0].id if connection.remote else None
    if own is None and connection.local and connection.local[0].method == "psk":
        own = next(iter(explicit(connection.local_addrs)), None)
    return (normal(own) if own else None), (normal(peer) if peer and peer != "%any" else None)


def normal(identity: str) -> str:
    """An identity in one spelling: `fqdn:a.b`, `@a.b` and `a.b` are the same (identification_create_from_string)."""
    text = identity.strip()
    prefix, colon, rest = text.partition(":")
    if colon and prefix.lower() in ("fqdn", "ipv4", "ipv6", "rfc822", "email", "keyid", "asn1dn", "userfqdn"):
        text = rest
    if text.startswith("@") and not text.startswith(("@#", "@@")):
        text = text[1:]
    return text.lower()


def explicit(addresses: Iterable[str]) -> tuple[str, ...]:
    """Those of the addresses that are one host: no %any, no range, no subnet."""
    found = []
    for address in addresses:
        try:
            found.append(str(ip_address(address.strip())))
        except ValueError:
            if not address.startswith("%") and "/" not in address and "-" not in address.replace(".", ""):
                found.append(address.lower())
    return tuple(a for a in found if a not in ("0.0.0.0", "::"))  # noqa: S104  they mean any address


def selector(text: str) -> str:
    """A traffic selector in one spelling; a bare address gets its /32 or /128."""
    network, bracket, rest = text.partition("[")
    try:
        return str(ip_network(network.strip(), strict=False)) + bracket + rest
    except ValueError:
        return text.strip()
