# SPDX-License-Identifier: GPL-3.0-or-later
"""How strong an algorithm is, by its word in a proposal; never by the number of a group, which tells nothing.

Groups: NIST SP 800-57 part 1 revision 5, table 2, and SP 800-56A revision 3, appendix D (groups 16 to 18). The groups
of RFC 5114 (22 to 24) have the size of others and a structure that is distrusted: profiles name them as forbidden.
Hashes: their length. Ciphers: the length of their key; 3DES has 112 bits left of 168 (SP 800-57, table 2).
"""

from __future__ import annotations

import re

# Bits of security.
GROUPS = {
    "none": 0, "modpnull": 0,
    "modp512": 40, "modp768": 60, "modp1024": 80, "modp1024s160": 80, "modp1536": 96,
    "modp2048": 112, "modp2048s224": 112, "modp2048s256": 112, "modp3072": 128, "modp4096": 152, "modp6144": 176,
    "modp8192": 200,
    "ecp192": 96, "ecp224": 112, "ecp256": 128, "ecp384": 192, "ecp521": 256,
    "ecp224bp": 112, "ecp256bp": 128, "ecp384bp": 192, "ecp512bp": 256, "curve25519": 128, "curve448": 224,
    "mlkem512": 128, "mlkem768": 192, "mlkem1024": 256,
}  # fmt: skip
_HASHES = {"md5": 128, "md5_128": 128, "sha1": 160, "sha1_160": 160, "aesxcbc": 128, "camelliaxcbc": 128,
           "aescmac": 128}  # fmt: skip
_CIPHERS = {"null": 0, "des": 56, "3des": 112, "chacha20poly1305": 256}


def measure_strength(name: str) -> int | None:
    """The strength of an algorithm; None where it is not known here."""
    for table in (GROUPS, _HASHES, _CIPHERS):
        if name in table:
            return table[name]
    size = re.match(r"(?:aes|camellia|blowfish|cast|serpent|twofish|sha)(\d+)", name)
    return int(size[1]) if size else None
