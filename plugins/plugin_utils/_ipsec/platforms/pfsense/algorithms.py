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
    there = {
        parse(text): item
        for text, item in zip(proposals.list_ike_proposals(phase1), _list_complete_items(phase1), strict=True)
    }
    wanted = [_parse_proposal(text) for text in split_list(value)]
    items = [
        dict(there[each].value) if each in there else _build_item(each, text)
        for each, text in _pair_with_texts(wanted, value)
    ]
    own = any("prf-algorithm" in item and item["prf-algorithm"] != item["hash-algorithm"] for item in items)
    return {"encryption": {"item": items}} | ({"prfselect_enable": "yes"} if own else {})


def translate_esp(value: str) -> Elements:
    """The ciphers, hashes and key exchange of a phase 2: every cipher goes with every hash, and all with one group.

    Raises:
        RefusedError: pfSense has no place for one of the proposals.
    """
    texts = split_list(value)
    each = [_parse_proposal(text) for text in texts]
    ciphers = [_require_single(one.encryption, text) for one, text in zip(each, texts, strict=True)]
    sealing = [cipher for cipher in ciphers if not re.fullmatch(r"aes\d+", cipher)]
    plain = [cipher for cipher in ciphers if cipher not in sealing]
    options = [_translate_cipher(cipher, value) for cipher in dict.fromkeys([*reversed(sealing), *plain])]
    return {"encryption-algorithm-option": options, **_translate_hashes(each, value), **_translate_group(each, value)}


def translate_ah(value: str) -> Elements:
    """The hashes and key exchange of a phase 2 without encryption.

    Raises:
        RefusedError: pfSense has no place for one of the proposals.
    """
    each = [_parse_proposal(text) for text in split_list(value)]
    return {**_translate_hashes(each, value), **_translate_group(each, value)}


def _list_complete_items(phase1: Element) -> list[Element]:
    """The items that proposals.ike() makes proposals of."""
    items = phase1.child("encryption").listed("item")
    return [i for i in items if i.child("encryption-algorithm").text("name") and i.text("hash-algorithm")]


def _pair_with_texts(wanted: list[Proposal], value: str) -> Iterable[tuple[Proposal, str]]:
    return zip(wanted, split_list(value), strict=True)


def _build_item(proposal: Proposal, text: str) -> dict[str, Any]:
    cipher, groups = _require_single(proposal.encryption, text), _require_single(proposal.key_exchange, text)
    prf = _require_single(proposal.prf, text)
    digest = _require_single(proposal.integrity or proposal.prf, text)
    if digest not in _HASHES or groups not in _NUMBERS:
        raise _build_proposal_error(text)
    return {
        "encryption-algorithm": _translate_cipher(cipher, text),
        "hash-algorithm": digest,
        "prf-algorithm": prf,
        "dhgroup": _NUMBERS[groups],
    }


def _translate_hashes(each: list[Proposal], value: str) -> Elements:
    found = list(dict.fromkeys(_require_single(one.integrity, value) for one in each if one.integrity))
    if any(digest not in _HASHES for digest in found):
        raise _build_proposal_error(value)
    return (
        {"hash-algorithm-option": [f"hmac_{digest}" if digest != "aesxcbc" else digest for digest in found]}
        if found
        else {}
    )


def _translate_group(each: list[Proposal], value: str) -> Elements:
    groups = {_require_single(one.key_exchange, value) if one.key_exchange else "none" for one in each}
    group = _require_single(frozenset(groups), value)
    if group != "none" and group not in _NUMBERS:
        raise _build_proposal_error(value)
    return {"pfsgroup": _NUMBERS.get(group, "0")}


def _translate_cipher(name: str, text: str) -> dict[str, str]:
    found = _CIPHER.fullmatch(name)
    if found is None:
        raise _build_proposal_error(text)
    if found[1]:
        return {"name": found[1], "keylen": found[2]}
    return {"name": found[3], "keylen": str(int(found[4]) * _BITS)} if found[3] else {"name": found[5]}


def _parse_proposal(text: str) -> Proposal:
    found = parse(text)
    if found is None or found.additional or found.esn - {"noesn"}:
        raise _build_proposal_error(text)
    return found


def _require_single(names: frozenset[str], text: str) -> str:
    if len(names) != 1:
        raise _build_proposal_error(text)
    return next(iter(names), "")


def _build_proposal_error(text: str) -> RefusedError:
    hint = "give proposals of one cipher, one hash and one key exchange each, those that its web interface offers"
    return RefusedError(f"pfSense has no place for the proposal {text}", hint=hint)
