# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell scripts beside this file, and what the one that makes digests wants."""

from __future__ import annotations

from ...model.resources import read_beside
from ...swanctl.psk_digest import compute_pads


def build_digest_variables(digest_key: str) -> dict[str, str]:
    """What digest.sh needs to make keyed digests: as secret as the key."""
    ipad, opad = compute_pads(digest_key)
    return {"TW_IPAD": _escape_octal(ipad), "TW_OPAD": _escape_octal(opad)}


def read_script(name: str) -> str:
    """A script that lies beside this file."""
    return read_beside(__name__, name)


def read_lexer() -> str:
    """The awk program that reads configurations and shows them without their secrets."""
    return "".join(map(read_script, ("lex.awk", "redact.awk", "outline.awk")))


def _escape_octal(data: bytes) -> str:
    """Bytes as `printf %b` takes them."""
    return "".join(f"\\0{byte:03o}" for byte in data)
