"""Proposals as strongSwan writes them (aes256-sha256-x25519), and whether two lists of them can agree.

RFC 7296 section 3.3: two proposals agree if they share an algorithm of every type that both name. For ESP
the key exchange counts only at a rekey (section 1.2: the first CHILD_SA uses the IKE_SA's), which is why
a PFS mismatch stays hidden until then. Names: libstrongswan/crypto/proposal/proposal_keywords_static.txt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["encryption", "integrity", "prf", "key exchange"]

_ENCRYPTION = re.compile(r"(aes|camellia|twofish|serpent|blowfish|cast|3des|des|null|chacha)")
_AEAD = re.compile(r"(aes\d+(gcm|ccm|gmac)\d*|chacha20poly1305|camellia\d+ccm\d*)")
_INTEGRITY = re.compile(r"(sha\d?|md5|aesxcbc|aescmac|camelliaxcbc)")
_KEY_EXCHANGE = re.compile(r"(modp|ecp|curve|x25519|x448|ntru|newhope|mlkem|ke\d_|none$)")
_ALIASES = {
    "x25519": "curve25519",
    "x448": "curve448",
    "sha": "sha1",
    "sha2_256": "sha256",
    "sha2_384": "sha384",
    "sha2_512": "sha512",
}
# Bits of security, roughly NIST SP 800-57 part 1 revision 5 table 2: only to tell which of two is weaker.
_STRENGTH = {
    "des": 40, "3des": 100, "null": 0, "blowfish": 110, "cast": 110,
    "md5": 40, "sha1": 80, "sha": 80, "aesxcbc": 110, "aescmac": 110,
    "modp768": 40, "modp1024": 80, "modp1024s160": 80, "modp1536": 90, "modp2048": 112, "modp3072": 128,
    "modp4096": 140,
    "modp6144": 160, "modp8192": 190, "ecp192": 96, "ecp224": 112, "ecp256": 128, "curve25519": 128, "ecp384": 192,
    "curve448": 224, "ecp521": 256, "none": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal: the algorithms of each type it offers."""

    encryption: frozenset[str]
    integrity: frozenset[str]
    prf: frozenset[str]
    key_exchange: frozenset[str]


def parse(text: str) -> Proposal | None:
    """The proposal a text means; None for `default` and for words that are not known here."""
    sets: dict[Kind, set[str]] = {"encryption": set(), "integrity": set(), "prf": set(), "key exchange": set()}
    for word in text.strip().lower().removesuffix("!").split("-"):
        name = _ALIASES.get(word, word)
        kind = _kind(name)
        if kind is None:
            return None
        if name not in ("esn", "noesn"):
            sets[kind].add(_ALIASES.get(name.removeprefix("prf"), name.removeprefix("prf")) if kind == "prf" else name)
    aead = all(_AEAD.match(name) for name in sets["encryption"])
    prf = sets["prf"] or (set() if aead else sets["integrity"])
    return Proposal(*map(frozenset, (sets["encryption"], sets["integrity"], prf, sets["key exchange"])))


def agree(ours: Iterable[str], theirs: Iterable[str], *, esp: bool = False, rekey: bool = True) -> bool | None:
    """Whether two lists have a proposal in common; None where a `default` or an unknown word leaves it open."""
    one, other = [parse(text) for text in ours], [parse(text) for text in theirs]
    known = [(a, b) for a in one for b in other if a is not None and b is not None]
    if any(not _differing(a, b, esp=esp, rekey=rekey) for a, b in known):
        return True
    return False if len(known) == len(one) * len(other) else None


def difference(ours: Iterable[str], theirs: Iterable[str], *, esp: bool = False) -> str:
    """What keeps the closest two proposals from agreeing, in words: `key exchange modp2048 here, curve25519 there`."""
    pairs = [(a, b) for a in map(parse, ours) for b in map(parse, theirs) if a is not None and b is not None]
    closest = min((_differing(a, b, esp=esp, rekey=True) for a, b in pairs), key=len, default=())
    return "; ".join(
        f"{kind} {'/'.join(sorted(a)) or 'none'} here, {'/'.join(sorted(b)) or 'none'} there" for kind, a, b in closest
    )


def strength(proposals: Iterable[str]) -> tuple[int, ...]:
    """How strong a list's best proposal is; a larger value is stronger. For telling the weaker of two."""
    return max((_strength(proposal) for proposal in map(parse, proposals) if proposal is not None), default=(0,))


def _kind(name: str) -> Kind | None:
    if name in ("esn", "noesn"):
        return "encryption"
    if name.startswith("prf"):
        return "prf"
    for pattern, kind in ((_KEY_EXCHANGE, "key exchange"), (_ENCRYPTION, "encryption"), (_INTEGRITY, "integrity")):
        if kind == "encryption" and name in ("aesxcbc", "aescmac"):
            continue
        if pattern.match(name):
            return kind  # type: ignore[return-value]
    return None


def _differing(
    a: Proposal, b: Proposal, *, esp: bool, rekey: bool
) -> tuple[tuple[str, frozenset[str], frozenset[str]], ...]:
    types = [("encryption", a.encryption, b.encryption), ("integrity", a.integrity, b.integrity)]
    if not esp:
        types.append(("PRF", a.prf, b.prf))
    if not esp or rekey:
        none: frozenset[str] = frozenset({"none"}) if esp else frozenset()
        types.append(("key exchange", a.key_exchange or none, b.key_exchange or none))
    return tuple(
        (kind, x, y)
        for kind, x, y in types
        if not (x & y) and not (kind != "encryption" and not x and not y) and not (kind == "PRF" and not (x and y))
    )


def _strength(proposal: Proposal) -> tuple[int, ...]:
    groups = (proposal.key_exchange, proposal.encryption, proposal.integrity or proposal.encryption)
    each = [max((_bits(name) for name in group), default=0) for group in groups]
    return (min(each), sum(each))


def _bits(name: str) -> int:
    if name in _STRENGTH:
        return _STRENGTH[name]
    sizes = [int(number) for number in re.findall(r"\d+", name) if int(number) in (128, 192, 256, 384, 512)]
    return min(sizes[0], 256) if sizes else 128
