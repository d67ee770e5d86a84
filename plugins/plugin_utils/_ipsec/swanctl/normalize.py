# SPDX-License-Identifier: GPL-3.0-or-later
"""Identities and addresses in one spelling, so that they compare."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network

from ..model import Connection

Interface = IPv4Interface | IPv6Interface
_TYPES = frozenset(["fqdn", "dns", "ipv4", "ipv6", "rfc822", "email", "userfqdn", "keyid", "asn1dn"])
_SAME_TYPE = {"dns": "fqdn", "email": "rfc822", "userfqdn": "rfc822"}
_ANYBODY = frozenset(("", "*", "%any", "%any4", "%any6", "0.0.0.0", "::", "0::0"))  # noqa: S104  no address to bind to
_INSIDE = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7"))
)
_SAME_RDN = {"emailaddress": "e", "email": "e", "s": "st", "serialnumber": "sn"}


def normalize_identities(connection: Connection) -> tuple[str | None, str | None]:
    """Own and peer identity in one spelling; None is one that is not set, or anybody.

    An own identity that is not set is the local address with a PSK (ike_auth.c), if there is only one.
    """
    own = connection.local[0].id if connection.local else None
    peer = connection.remote[0].id if connection.remote else None
    if own is None and connection.local and connection.local[0].method == "psk":
        addresses = list_explicit(connection.local_addrs)
        own = addresses[0] if len(addresses) == len(connection.local_addrs) == 1 else None
    return _normalize_unless_any(own), _normalize_unless_any(peer)


def normalize_identity(identity: str) -> str:
    """An identity in one spelling: `fqdn:a.b`, `@a.b` and `a.b` are the same (identification_create_from_string)."""
    text = identity.strip()
    prefix, colon, rest = text.partition(":")
    if colon and prefix.lower() in _TYPES:
        text = rest
    if "=" in text and not text.startswith(("@", "^")):
        return _normalize_dn(text)
    if text.startswith("@") and not text.startswith("@#"):
        text = text.removeprefix("@@") if text.startswith("@@") else text[1:]
    name = text.strip().lower()
    if name in _ANYBODY:
        return "%any"
    return str(ip_address(name)) if is_numeric(name) else name


def may_be_several(identity: str) -> bool:
    """Whether more than one peer may have this identity: it has a wildcard, is a regular expression or is anybody."""
    return "*" in identity or identity.startswith(("^", "%"))


def classify_identity(identity: str) -> str:
    """The type that an identity has on the wire: two that read alike and differ in it do not match (RFC 7296, 3.5).

    Source: identification_create_from_string() of identification.c.
    """
    text = identity.strip()
    given = text.partition(":")[0].lower()
    if given in _TYPES and ":" in text:
        return _SAME_TYPE.get(given, given)
    if "=" in text and not text.startswith(("@", "^")):
        return "asn1dn"
    for prefix, name in (("@#", "keyid"), ("@@", "rfc822"), ("@", "fqdn")):
        if text.startswith(prefix):
            return name
    if is_numeric(text):
        return "ipv6" if ":" in text else "ipv4"
    return "rfc822" if "@" in text else "fqdn"


def list_explicit(addresses: Iterable[str]) -> tuple[str, ...]:
    """Those of the addresses that are one host, by number or by name: no %any, no range, no subnet."""
    found = []
    for address in addresses:
        text = address.strip().lower()
        if text in _ANYBODY or text.startswith("%") or "/" in text or _is_address_range(text):
            continue
        found.append(str(ip_address(text)) if is_numeric(text) else text)
    return tuple(found)


def is_numeric(text: str) -> bool:
    """Whether it is an IP address."""
    if not text[:1].isdigit() and ":" not in text:
        return False  # most are names, and to parse one as an address is slow
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether it is an address that no NAT stands before: none of RFC 1918, 6598, 4193, 3927."""
    host = ip_address(address)
    return not any(host.version == network.version and host in network for network in _INSIDE)


def parse_interfaces(lines: Iterable[str]) -> tuple[Interface, ...]:
    """The addresses of `System.addresses` with their networks; one without a length is alone in its network."""
    found = []
    for line in lines:
        address, slash, length = line.rpartition(" ")[2].partition("/")
        try:
            found.append(ip_interface(address.partition("%")[0] + slash + length))
        except ValueError:
            continue  # a notation that only the platform knows names no network to compare
    return tuple(found)


def _normalize_unless_any(identity: str | None) -> str | None:
    found = normalize_identity(identity) if identity is not None else "%any"
    return None if found == "%any" else found


def _normalize_dn(text: str) -> str:
    """A distinguished name: its parts keep their order, which counts; spaces and case do not."""
    parts = text[1:].split("/") if text.startswith("/") else text.split(",")
    pairs = (part.partition("=") for part in parts if part.strip())
    return ",".join(f"{_normalize_rdn(key)}={' '.join(value.split()).lower()}" for key, dummy, value in pairs)


def _normalize_rdn(key: str) -> str:
    name = key.strip().lower()
    return _SAME_RDN.get(name, name)


def _is_address_range(text: str) -> bool:
    """Whether it is `192.0.2.1-192.0.2.9`; a name may have a dash as well."""
    ends = text.split("-")
    return len(ends) > 1 and all(is_numeric(end.strip()) for end in ends)
