# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates as `swanctl --list-certs --pretty` prints them: their DER in hexadecimal, read here as far as needed.

The library cryptography would lose certificates that charon uses: it refuses a whole certificate for Latin-1 in a
TeletexString of a name, or for `*` or `_` in a PrintableString.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ..errors import ParseError
from ..model import Certificate
from .pretty_output import Tree, get_text, parse_messages

_NAMES = {
    "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
    "2.5.4.10": "O", "2.5.4.11": "OU", "1.2.840.113549.1.9.1": "E", "0.9.2342.19200300.100.1.25": "DC",
}  # fmt: skip
_OID, _UTC_TIME, _GENERALIZED_TIME, _BMP_STRING, _VERSION = 0x06, 0x17, 0x18, 0x1E, 0xA0
_LARGEST = 2**128  # of a part of an object identifier: as large as those made of UUIDs (X.667)
Element = tuple[int, bytes]  # tag, content


def parse_certificates(printed: str) -> tuple[Certificate, ...]:
    """The certificates that `--list-certs` prints, in its order.

    Raises:
        ParseError: one of them is no DER.
    """
    return tuple(
        _parse_certificate(message.body) for message in parse_messages(printed) if message.label == "list-cert event"
    )


def _parse_certificate(body: Tree) -> Certificate:
    kind, private = get_text(body, "type"), get_text(body, "has_privkey") == "yes"
    raw = body.get("data")
    if kind != "X509" or not isinstance(raw, str):
        return Certificate(
            subject=get_text(body, "subject"),
            type=kind,
            not_before=get_text(body, "not-before") or None,
            not_after=get_text(body, "not-after") or None,
            private_key=private,
        )
    try:
        return _parse_x509(bytes.fromhex(raw.removeprefix("0x")), private_key=private)
    except (ValueError, IndexError, StopIteration) as error:
        raise ParseError(f"a certificate is not valid DER ({error})", where=raw[:40]) from error


def _parse_x509(der: bytes, *, private_key: bool) -> Certificate:
    """A certificate's own fields (RFC 5280 section 4.1): version?, serial, algorithm, issuer, validity, subject."""
    whole = next(_parse_elements(der))[1]
    fields = [field for field in _parse_elements(next(_parse_elements(whole))[1]) if field[0] != _VERSION]
    before, after = (_decode_time(element) for element in _parse_elements(fields[3][1]))
    return Certificate(
        subject=_decode_name(fields[4][1]),
        type="X509",
        issuer=_decode_name(fields[2][1]),
        serial=fields[0][1].hex(),
        not_before=before,
        not_after=after,
        private_key=private_key,
    )


def _parse_elements(data: bytes) -> Iterator[Element]:
    """The elements of DER data, one after another (X.690 section 8.1)."""
    at = 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > len(data):
            raise ValueError("it ends early")
        yield tag, data[at : at + size]
        at += size


def _decode_time(element: Element) -> str:
    """ISO 8601, UTC (RFC 5280 section 4.1.2.5: two-digit years below 50 are of this century)."""
    tag, content = element
    digits = content.decode("ascii").rstrip("Z")
    if tag == _UTC_TIME:
        digits = ("20" if int(digits[:2]) < 50 else "19") + digits  # noqa: PLR2004
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC).isoformat()


def _decode_name(content: bytes) -> str:
    """A distinguished name as strongSwan writes it: `C=CH, O=strongSwan, CN=moon`."""
    pairs = []
    for relative in _parse_elements(content):
        for attribute in _parse_elements(relative[1]):
            (oid, (tag, value)) = _split_attribute(attribute[1])
            encoding = "utf-16-be" if tag == _BMP_STRING else "utf-8"
            pairs.append(
                f"{_NAMES.get(_decode_oid(oid), _decode_oid(oid))}={value.decode(encoding, 'backslashreplace')}"
            )
    return ", ".join(pairs)


def _split_attribute(attribute: bytes) -> tuple[bytes, Element]:
    kind, value = _parse_elements(attribute)
    return kind[1], value


def _decode_oid(oid: bytes) -> str:
    first, rest = divmod(oid[0], 40)
    numbers, value = [min(first, 2), rest if first < 2 else oid[0] - 80], 0  # noqa: PLR2004 - X.690 section 8.19
    for byte in oid[1:]:
        value = value << 7 | byte & 0x7F
        if value > _LARGEST:
            raise ValueError("an object identifier has no end")
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    return ".".join(map(str, numbers))
