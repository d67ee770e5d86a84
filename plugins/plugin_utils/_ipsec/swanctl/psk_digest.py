# SPDX-License-Identifier: GPL-3.0-or-later
"""Keyed digests of pre-shared keys, so that two ends can be compared without either key being seen."""

from __future__ import annotations

import hashlib
import hmac

_HEX = b"0123456789abcdef"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BLOCK = 64  # bytes, of SHA-256


def compute_digest(key: str, psk: str) -> str:
    """HMAC-SHA-256 in hexadecimal of a pre-shared key as strongSwan would use it.

    The same as a gateway makes of the same value in its file (redact.awk, gather.sh).
    """
    return hmac.new(key.encode(), decode_secret(psk.encode("utf-8", "surrogateescape")), hashlib.sha256).hexdigest()


def compute_fingerprint(key: str, content: bytes) -> str:
    """What tells versions of a file apart without telling what is in it: HMAC-SHA-256 in hexadecimal."""
    return hmac.new(key.encode(), content, hashlib.sha256).hexdigest()


def compute_key_id(key: str) -> str:
    """What tells digest keys apart and does not tell the key: digests compare only where it is equal."""
    return hmac.new(key.encode(), b"tunnelwright digest key", hashlib.sha256).hexdigest()[:16]


def compute_pads(key: str) -> tuple[bytes, bytes]:
    """The two blocks HMAC begins with (RFC 2104): who has them can make digests, as with the key."""
    raw = key.encode()
    block = (hashlib.sha256(raw).digest() if len(raw) > _BLOCK else raw).ljust(_BLOCK, b"\0")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)


def decode_secret(value: bytes) -> bytes:
    """The key that a `secret` value stands for: `0x` is hexadecimal, `0s` base64 (swanctl/commands/load_creds.c)."""
    prefix = value[:2].lower()
    if prefix == b"0x":
        return _decode_hex(value[4:] if value[2:4] == b"0x" and len(value) > len(b"0x0x") - 1 else value[2:])
    return _decode_base64(value[2:]) if prefix == b"0s" else value


def _decode_hex(text: bytes) -> bytes:
    """As chunk_from_hex(): colons are skipped, an odd first digit stands alone, any other character is 0."""
    nibbles = [max(_HEX.find(bytes([c]).lower()), 0) for c in text if c != ord(":")]
    padded = [0] * (len(nibbles) % 2) + nibbles
    return bytes(high * 16 + low for high, low in zip(padded[::2], padded[1::2], strict=True))


def _decode_base64(text: bytes) -> bytes:
    """As chunk_from_base64(): whole groups of four only; each `=` shortens what is made."""
    made, out = 0, bytearray()
    for start in range(0, len(text) // 4 * 4, 4):
        made += 3
        group = text[start : start + 4]
        for char in group:
            made -= char == ord("=") and made > 0
        a, b, c, d = (_decode_sextet(char) for char in group)
        out += bytes([(a * 4 + b // 16) % 256, (b * 16 + c // 4) % 256, (c * 64 + d) % 256])
    return bytes(out[:made])


def _decode_sextet(char: int) -> int:
    special = {ord("="): 0, ord("-"): 62, ord("_"): 63}
    found = _BASE64.find(bytes([char]))
    return special.get(char, found if found >= 0 else 255)
