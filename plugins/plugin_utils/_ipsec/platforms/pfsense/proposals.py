# SPDX-License-Identifier: GPL-3.0-or-later
"""The proposals that pfSense makes of its lists of algorithms (ipsec_setup_proposal_algo() of ipsec.inc)."""

from __future__ import annotations

from .element import Element

GROUPS = {
    "1": "modp768", "2": "modp1024", "5": "modp1536", "14": "modp2048", "15": "modp3072", "16": "modp4096",
    "17": "modp6144", "18": "modp8192", "19": "ecp256", "20": "ecp384", "21": "ecp521", "22": "modp1024s160",
    "23": "modp2048s224", "24": "modp2048s256", "25": "ecp192", "26": "ecp224", "27": "ecp224bp", "28": "ecp256bp",
    "29": "ecp384bp", "30": "ecp512bp", "31": "curve25519", "32": "curve448",
}  # fmt: skip
_LENGTHS = {"aes": ("256", "192", "128"), "blowfish": ("256", "192", "128")}
_ICV = ("128", "96", "64")  # of AES-GCM, whose "key length" that is here


def list_ike_proposals(phase1: Element) -> tuple[str, ...]:
    """The IKE proposals of a phase 1; what has no cipher or no hash is left out."""
    prf = phase1.text("prfselect_enable") == "yes"
    found = []
    for item in phase1.child("encryption").listed("item"):
        cipher, digest = item.child("encryption-algorithm"), item.text("hash-algorithm")
        if cipher.text("name") and digest:
            chosen = item.text("prf-algorithm") if prf else ""
            found.append(
                _format_proposal(
                    cipher.text("name"), cipher.text("keylen"), digest, chosen, GROUPS.get(item.text("dhgroup"), "")
                )
            )
    return tuple(found)


def list_esp_proposals(phase2: Element) -> tuple[str, ...]:
    """The ESP proposals of a phase 2: ciphers that authenticate by themselves first, from the last to the first."""
    options = phase2.listed("encryption-algorithm-option")
    sealing = [option for option in options if _is_aead(option.text("name"))]
    ordered = [*reversed(sealing), *(option for option in options if not _is_aead(option.text("name")))]
    return tuple(
        proposal
        for option in ordered
        for length in _list_key_lengths(option)
        for proposal in _combine_with_hashes(phase2, option.text("name"), length)
    )


def list_ah_proposals(phase2: Element) -> tuple[str, ...]:
    """The AH proposals of a phase 2."""
    return tuple(_combine_with_hashes(phase2, "", ""))


def _combine_with_hashes(phase2: Element, name: str, length: str) -> list[str]:
    group = GROUPS.get(phase2.text("pfsgroup"), "")
    digests = () if _is_aead(name) else phase2.texts("hash-algorithm-option")
    return [_format_proposal(name, length, digest, "", group) for digest in digests or ("",)]


def _list_key_lengths(option: Element) -> tuple[str, ...]:
    name, length = option.text("name"), option.text("keylen")
    if length != "auto":
        return (length,)
    return _ICV if "gcm" in name else _LENGTHS.get(name, ())


def _is_aead(name: str) -> bool:
    return "gcm" in name or name == "chacha20poly1305"


def _format_proposal(name: str, length: str, digest: str, prf: str, group: str) -> str:
    parts = [f"{name}{length}", digest.removeprefix("hmac_"), f"prf{prf}" if prf else "", group]
    return "-".join(part for part in parts if part)
