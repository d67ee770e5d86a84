"""Identities, addresses and traffic selectors in one spelling, so that they compare."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from ..model import Connection

_TYPES = frozenset(["fqdn", "dns", "ipv4", "ipv6", "rfc822", "email", "userfqdn", "keyid", "asn1dn"])
_ANYBODY = frozenset(("", "*", "%any", "%any4", "%any6", "0.0.0.0", "::", "0::0"))  # noqa: S104  no address to bind to
_SAME_RDN = {"emailaddress": "e", "email": "e", "s": "st", "serialnumber": "sn"}


def identities(connection: Connection) -> tuple[str | None, str | None]:
    """Own and peer identity in one spelling; None is one that is not set, or anybody.

    An own identity that is not set is the local address with a PSK (ike_auth.c), if there is only one.
    """
    own = connection.local[0].id if connection.local else None
    peer = connection.remote[0].id if connection.remote else None
    if own is None and connection.local and connection.local[0].method == "psk":
        addresses = explicit(connection.local_addrs)
        own = addresses[0] if len(addresses) == len(connection.local_addrs) == 1 else None
    return _somebody(own), _somebody(peer)


def normal(identity: str) -> str:
    """An identity in one spelling: `fqdn:a.b`, `@a.b` and `a.b` are the same (identification_create_from_string)."""
    text = identity.strip()
    prefix, colon, rest = text.partition(":")
    if colon and prefix.lower() in _TYPES:
        text = rest
    if "=" in text and not text.startswith(("@", "^")):
        return _distinguished(text)
    if text.startswith("@") and not text.startswith("@#"):
        text = text.removeprefix("@@") if text.startswith("@@") else text[1:]
    try:
        return "%any" if text.lower() in _ANYBODY else str(ip_address(text))
    except ValueError:
        return text.lower()


def explicit(addresses: Iterable[str]) -> tuple[str, ...]:
    """Those of the addresses that are one host, by number or by name: no %any, no range, no subnet."""
    found = []
    for address in addresses:
        text = address.strip().lower()
        if text in _ANYBODY or text.startswith("%") or "/" in text or _range(text):
            continue
        found.append(str(ip_address(text)) if _numeric(text) else text)
    return tuple(found)


def selector(text: str) -> str:
    """A traffic selector in one spelling; a bare address gets its /32 or /128."""
    network, bracket, rest = "".join(text.split()).lower().partition("[")
    try:
        return str(ip_network(network, strict=False)) + bracket + rest
    except ValueError:
        return network + bracket + rest


def _somebody(identity: str | None) -> str | None:
    found = normal(identity) if identity is not None else "%any"
    return None if found == "%any" else found


def _distinguished(text: str) -> str:
    """A distinguished name: its parts keep their order, which counts; spaces and case do not."""
    parts = text[1:].split("/") if text.startswith("/") else text.split(",")
    pairs = (part.partition("=") for part in parts if part.strip())
    return ",".join(f"{_rdn(key)}={' '.join(value.split()).lower()}" for key, dummy, value in pairs)


def _rdn(key: str) -> str:
    name = key.strip().lower()
    return _SAME_RDN.get(name, name)


def _range(text: str) -> bool:
    """Whether it is `192.0.2.1-192.0.2.9`; a name may have a dash as well."""
    ends = text.split("-")
    return len(ends) > 1 and all(_numeric(end.strip()) for end in ends)


def _numeric(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
