# SPDX-License-Identifier: GPL-3.0-or-later
"""Proposals of swanctl as the lists of algorithms that pfSense has for them: the way back from proposals.py."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ...errors import RefusedError
from ...swanctl.keys import split_list
from ...swanctl.proposals import Proposal, parse
from . import proposals
from .edits import Elements
from .element import Element

_NUMBERS = {name: number for number, name in proposals.GROUPS.items()}
_CIPHER = re.compile(r"(aes)(128|192|256)|(aes(?:128|192|256)gcm)(8|12|16)|(chacha20poly1305)")
_HASHES = ("sha1", "sha256", "sha384", "sha512", "aesxcbc", "md5")
_BITS = 8  # of an octet: pfSense gives the length of the check value in bits


def translate_ike(value: str, phase1: Element) -> Elements:
    """The list of algorithms of a phase 1, one for each proposal; one that is there already stays as it is.

    Raises:
        RefusedError: pfSense has no place for one of the proposals.
    """
    there = {parse(text): item for text, item in zip(proposals.list_ike_proposals(phase1), _whole(phase1), strict=True)}
    wanted = [_proposal(text) for text in split_list(value)]
    items = [dict(there[each].value) if each in there else _item(each, text) for each, text in _named(wanted, value)]
    own = any("prf-algorithm" in item and item["prf-algorithm"] != item["hash-algorithm"] for item in items)
    return {"encryption": {"item": items}} | ({"prfselect_enable": "yes"} if own else {})


def translate_esp(value: str) -> Elements:
    """The ciphers, hashes and key exchange of a phase 2: every cipher goes with every hash, and all with one group.

    Raises:
        RefusedError: pfSense has no place for one of the proposals.
    """
    texts = split_list(value)
    each = [_proposal(text) for text in texts]
    ciphers = [_only(one.encryption, text) for one, text in zip(each, texts, strict=True)]
    sealing = [cipher for cipher in ciphers if not re.fullmatch(r"aes\d+", cipher)]
    plain = [cipher for cipher in ciphers if cipher not in sealing]
    options = [_cipher(cipher, value) for cipher in dict.fromkeys([*reversed(sealing), *plain])]
    return {"encryption-algorithm-option": options, **_hashes(each, value), **_group(each, value)}


def translate_ah(value: str) -> Elements:
    """The hashes and key exchange of a phase 2 without encryption.

    Raises:
        RefusedError: pfSense has no place for one of the proposals.
    """
    each = [_proposal(text) for text in split_list(value)]
    return {**_hashes(each, value), **_group(each, value)}


def _whole(phase1: Element) -> list[Element]:
    """The items that proposals.ike() makes proposals of."""
    items = phase1.child("encryption").listed("item")
    return [i for i in items if i.child("encryption-algorithm").text("name") and i.text("hash-algorithm")]


def _named(wanted: list[Proposal], value: str) -> Iterable[tuple[Proposal, str]]:
    return zip(wanted, split_list(value), strict=True)


def _item(proposal: Proposal, text: str) -> dict[str, Any]:
    cipher, groups = _only(proposal.encryption, text), _only(proposal.key_exchange, text)
    prf = _only(proposal.prf, text)
    digest = _only(proposal.integrity or proposal.prf, text)
    if digest not in _HASHES or groups not in _NUMBERS:
        raise _nowhere(text)
    return {
        "encryption-algorithm": _cipher(cipher, text),
        "hash-algorithm": digest,
        "prf-algorithm": prf,
        "dhgroup": _NUMBERS[groups],
    }


def _hashes(each: list[Proposal], value: str) -> Elements:
    found = list(dict.fromkeys(_only(one.integrity, value) for one in each if one.integrity))
    if any(digest not in _HASHES for digest in found):
        raise _nowhere(value)
    return (
        {"hash-algorithm-option": [f"hmac_{digest}" if digest != "aesxcbc" else digest for digest in found]}
        if found
        else {}
    )


def _group(each: list[Proposal], value: str) -> Elements:
    groups = {_only(one.key_exchange, value) if one.key_exchange else "none" for one in each}
    group = _only(frozenset(groups), value)
    if group != "none" and group not in _NUMBERS:
        raise _nowhere(value)
    return {"pfsgroup": _NUMBERS.get(group, "0")}


def _cipher(name: str, text: str) -> dict[str, str]:
    found = _CIPHER.fullmatch(name)
    if found is None:
        raise _nowhere(text)
    if found[1]:
        return {"name": found[1], "keylen": found[2]}
    return {"name": found[3], "keylen": str(int(found[4]) * _BITS)} if found[3] else {"name": found[5]}


def _proposal(text: str) -> Proposal:
    found = parse(text)
    if found is None or found.additional or found.esn - {"noesn"}:
        raise _nowhere(text)
    return found


def _only(names: frozenset[str], text: str) -> str:
    if len(names) != 1:
        raise _nowhere(text)
    return next(iter(names), "")


def _nowhere(text: str) -> RefusedError:
    hint = "give proposals of one cipher, one hash and one key exchange each, those that its web interface offers"
    return RefusedError(f"pfSense has no place for the proposal {text}", hint=hint)
