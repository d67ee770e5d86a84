# SPDX-License-Identifier: GPL-3.0-or-later
"""Proposals as strongSwan writes them (aes256-sha256-x25519), and whether two lists of them can agree.

RFC 7296 section 3.3: two proposals agree if they share an algorithm of every type that either names. `none` is a
key exchange that ESP and AH may go without, as IKE may without the additional ones of RFC 9370. For ESP
the key exchange counts only at a rekey (section 1.2: the first CHILD_SA uses the IKE_SA's), which is why
a PFS mismatch stays hidden until then. Source: libstrongswan/crypto/proposal/proposal.c (select_algos,
check_proposal) and proposal_keywords_static.txt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["encryption", "integrity", "PRF", "key exchange", "additional key exchange", "ESN"]
Difference = tuple[str, frozenset[str], frozenset[str]]

_WORDS: dict[Kind, re.Pattern[str]] = {
    "integrity": re.compile(r"sha1(_160)?|sha256(_96)?|sha384|sha512|md5(_128)?|aesxcbc|camelliaxcbc|aescmac"),
    "PRF": re.compile(r"prf(sha1|sha256|sha384|sha512|md5|aesxcbc|camelliaxcbc|aescmac)"),
    "ESN": re.compile(r"(no)?esn"),
    "encryption": re.compile(
        r"null|des|3des|aes\d+(ctr|gmac|[cg]cm\d+)?|chacha20poly1305(compat)?|camellia\d+(ctr|ccm\d+)?"
        r"|(blowfish|cast|serpent|twofish)\d+"
    ),
    "key exchange": re.compile(
        r"none|modp(\d+(s\d+)?|null)|ecp\d+(bp)?|curve(25519|448)"
        r"|(mlkem|kyber|ntru[pr]?|saber|bike|hqc|frodo[as]|newhope)\d+"
    ),
    "additional key exchange": re.compile(r"ke[1-7]_\w+"),
}
_LISTED = {  # by the name in `--list-sas`, the word in a proposal
    "AES_CBC": "aes{size}", "AES_CTR": "aes{size}ctr", "AES_([GC]CM)_(8|12|16)": "aes{size}{0}{1}",
    "CHACHA20_POLY1305": "chacha20poly1305", "3DES_CBC": "3des", "CAMELLIA_CBC": "camellia{size}",
    "(?:PRF_)?HMAC_SHA2_256(?:_128)?": "sha256", "(?:PRF_)?HMAC_SHA2_384(?:_192)?": "sha384",
    "(?:PRF_)?HMAC_SHA2_512(?:_256)?": "sha512", "(?:PRF_)?HMAC_SHA1(?:_96)?": "sha1",
    "HMAC_MD5(?:_96|_128)": "md5", "PRF_HMAC_MD5": "md5", "AES_XCBC_96": "aesxcbc", "AES_CMAC_96": "aescmac",
    "DES_CBC": "des", "NULL": "null", "(BLOWFISH|CAST)_CBC": "{0}{size}",
    "CURVE_(25519|448)": "curve{0}", r"MODP_(\d+)": "modp{0}", r"ECP_(\d+)": "ecp{0}",
    r"MODP_(\d+)_(\d+)": "modp{0}s{1}", r"ECP_(\d+)_BP": "ecp{0}bp", r"ML_KEM_(\d+)": "mlkem{0}",
}  # fmt: skip
_AEAD = re.compile(r"aes\d+(gmac|[cg]cm\d+)|chacha20poly1305|camellia\d+ccm\d+")
_ICV = re.compile(r"((?:aes|camellia)\d+[cg]cm)(64|96|128|)")
_OCTETS = {"64": "8", "96": "12", "128": "16", "": "16"}
_ALIASES = {
    "aes": "aes128", "camellia": "camellia128", "blowfish": "blowfish128", "serpent": "serpent128",
    "twofish": "twofish128", "sha": "sha1", "x25519": "curve25519", "x448": "curve448", "modpnone": "none",
}  # fmt: skip
# Bits of security, roughly NIST SP 800-57 part 1 revision 5 table 2: only to tell which of two is weaker.
_STRENGTH = {
    "des": 40, "3des": 100, "null": 0, "blowfish128": 110, "cast128": 110,
    "md5": 40, "md5_128": 40, "sha1": 80, "sha1_160": 80, "aesxcbc": 110, "aescmac": 110,
    "modp768": 40, "modp1024": 80, "modp1024s160": 80, "modp1536": 90, "modp2048": 112, "modp3072": 128,
    "modp4096": 140,
    "modp6144": 160, "modp8192": 190, "ecp192": 96, "ecp224": 112, "ecp256": 128, "curve25519": 128, "ecp384": 192,
    "curve448": 224, "ecp521": 256, "none": 0,
}  # fmt: skip
# Below these an algorithm is broken rather than weak, in bits.
_FLOORS: dict[str, int] = {"encryption": 112, "integrity": 110, "key exchange": 112, "additional": 0}
# `default` for ESP (proposal_create_default and proposal_create_default_aead): without a key exchange, before 6.0.2.
_DEFAULT_ESP = ("aes128-aes192-aes256-sha256-sha384-sha512-sha1-aesxcbc", "aes128gcm16-aes192gcm16-aes256gcm16")
COMMON = (  # to guess what a word was to be
    "aes128", "aes192", "aes256", "aes128gcm16", "aes192gcm16", "aes256gcm16", "chacha20poly1305",
    "sha1", "sha256", "sha384", "sha512", "prfsha256", "prfsha384", "prfsha512", "aesxcbc", "aescmac",
    "modp2048", "modp3072", "modp4096", "ecp256", "ecp384", "ecp521", "x25519", "x448", "ke1_mlkem768", "noesn", "esn",
)  # fmt: skip
_DEFAULT_SINCE, _DEFAULT_UNTIL = (5, 9), (6, 0, 2)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal: the algorithms of each type it offers."""

    encryption: frozenset[str]
    integrity: frozenset[str]
    prf: frozenset[str]
    key_exchange: frozenset[str]
    additional: frozenset[str] = frozenset()  # ke1_mlkem768
    esn: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NegotiatedAlgorithms:
    """The algorithms of a live SA as `--list-sas` names them (AES_CBC-256); None for what it has none of."""

    encr: str | None = None
    integ: str | None = None
    prf: str | None = None
    dh_group: str | None = None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.encr, self.integ, self.prf, self.dh_group)))


@lru_cache(maxsize=1024)  # a fleet has few different proposals and very many connections
def parse(text: str) -> Proposal | None:
    """The proposal a text means; None for `default` and for words that are not known here."""
    sets: dict[Kind, set[str]] = {kind: set() for kind in _WORDS}
    for word in text.strip().lower().removesuffix("!").split("-"):
        name = _normalize_word(word)
        kind = next((kind for kind, pattern in _WORDS.items() if pattern.fullmatch(name)), None)
        if kind is None:
            return None
        sets[kind].add(name.removeprefix("prf"))
    prf = sets["PRF"] or {name.partition("_")[0] for name in sets["integrity"]}
    if sets["encryption"] and all(_AEAD.fullmatch(name) for name in sets["encryption"]):
        sets["integrity"].clear()  # strongSwan takes it from a proposal that has only AEAD, after it chose the PRF
    named = (sets[kind] for kind in ("key exchange", "additional key exchange", "ESN"))
    return Proposal(*map(frozenset, (sets["encryption"], sets["integrity"], prf, *named)))


def find_unknown(text: str) -> list[str]:
    """The words of a proposal that are no algorithm; none of `default`."""
    words = text.strip().lower().removesuffix("!").split("-")
    known = (any(pattern.fullmatch(_normalize_word(word)) for pattern in _WORDS.values()) for word in words)
    return [] if words == ["default"] else [word for word, is_known in zip(words, known, strict=True) if not is_known]


def expand_default(texts: Iterable[str], version: str | None) -> tuple[str, ...]:
    """A list of ESP proposals with `default` replaced by what this version means by it, where that is known."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version or "")[:3])
    known = _DEFAULT_SINCE <= numbers < _DEFAULT_UNTIL
    return tuple(word for text in texts for word in (_DEFAULT_ESP if known and text.lower() == "default" else (text,)))


def have_common(ours: Iterable[str], theirs: Iterable[str], *, esp: bool = False, rekey: bool = True) -> bool | None:
    """Whether two lists have a proposal in common; None where a `default` or an unknown word leaves it open.

    `esp`: of ESP or AH. An empty list leaves it open too: nothing is said of the other protocol's proposals.
    """
    one, other = [parse(text) for text in ours], [parse(text) for text in theirs]
    known = [(a, b) for a in one for b in other if a is not None and b is not None]
    if any(not _find_differences(a, b, esp=esp, rekey=rekey) for a, b in known):
        return True
    return False if known and len(known) == len(one) * len(other) else None


def includes_proposal(texts: Iterable[str], used: NegotiatedAlgorithms) -> bool | None:
    """Whether a list has a proposal with all that a live SA uses; None where a word or an algorithm is not known."""
    offered = [parse(text) for text in texts]
    words = [format_proposal(name) for name in (used.encr, used.integ, used.prf, used.dh_group) if name]
    if None in offered or not offered or not words or None in words:
        return None
    return any(proposal is not None and _has(proposal, used) for proposal in offered)


def format_proposal(name: str) -> str | None:
    """The word of a proposal for an algorithm as the daemon names it (encryption_algorithm_names and its like)."""
    algorithm, dummy, size = name.partition("-")
    for pattern, made in _LISTED.items():
        if found := re.fullmatch(pattern, algorithm):
            return made.format(*found.groups(), size=size).lower()
    return None


def describe_difference(ours: Iterable[str], theirs: Iterable[str], *, esp: bool = False) -> str:
    """What keeps the closest two proposals from agreeing, in words: `key exchange modp2048 here, curve25519 there`."""
    pairs = [(a, b) for a in map(parse, ours) for b in map(parse, theirs) if a is not None and b is not None]
    closest = min((_find_differences(a, b, esp=esp, rekey=True) for a, b in pairs), key=len, default=())
    return "; ".join(
        f"{kind} {'/'.join(sorted(a)) or 'none'} here, {'/'.join(sorted(b)) or 'none'} there" for kind, a, b in closest
    )


def measure_strength(proposals: Iterable[str]) -> tuple[int, ...]:
    """How strong a list's best proposal is; a larger value is stronger. For telling the weaker of two."""
    return max((_rank_proposal(proposal) for proposal in map(parse, proposals) if proposal is not None), default=(0,))


def is_weaker(text: str, held: Iterable[str]) -> bool:
    """Whether a proposal lacks what all of those held have, or has something weaker than their weakest of its kind.

    Of a kind that none of them names, and of what `default` means, only what is broken is weaker. A word that is not
    known here is.
    """
    texts = [each.strip().lower() for each in held]
    if text.strip().lower() == "default":
        return "default" not in texts
    proposal = parse(text)
    if proposal is None:
        return True
    new, old = _measure_by_kind(proposal), [_measure_by_kind(each) for each in map(parse, texts) if each is not None]
    for kind, floor in _FLOORS.items():
        known = [bits for bits in (each[kind] for each in old) if bits is not None]
        floors = [floor] if "default" in texts or not known else []
        own = new[kind]
        lacks = own is None and known and len(known) == len(texts)
        if lacks or (own is not None and own < min([*known, *floors])):
            return True
    return False


def _measure_by_kind(proposal: Proposal) -> dict[str, int | None]:
    """The weakest algorithm of each kind, in bits; None for a kind that is not named.

    An AEAD cipher protects integrity by the length of its tag; of a hash more than 128 bits make no difference.
    """
    ciphers = proposal.encryption
    sealed = ciphers and all(_AEAD.fullmatch(name) for name in ciphers)
    tags = (
        [_measure_tag(name) for name in ciphers]
        if sealed
        else [min(_measure_bits(name), 128) for name in proposal.integrity]
    )
    return {
        "encryption": min(map(_measure_bits, ciphers), default=None),
        "integrity": min(tags, default=None),
        "key exchange": min(map(_measure_bits, proposal.key_exchange), default=None),
        "additional": len(proposal.additional) or None,
    }


def _measure_tag(name: str) -> int:
    octets = re.search(r"cm(8|12|16)$", name)
    return 8 * int(octets[1]) if octets else 128


def _has(proposal: Proposal, used: NegotiatedAlgorithms) -> bool:
    sets = (proposal.encryption, proposal.integrity, proposal.prf, proposal.key_exchange)
    names = (used.encr, used.integ, used.prf, used.dh_group)
    return all(not name or not known or format_proposal(name) in known for name, known in zip(names, sets, strict=True))


def _normalize_word(word: str) -> str:
    """A word of a proposal in one spelling."""
    name = _ALIASES.get(word, word.replace("sha2_", "sha"))
    icv = _ICV.fullmatch(name)
    return icv[1] + _OCTETS[icv[2]] if icv else name


def _find_differences(a: Proposal, b: Proposal, *, esp: bool, rekey: bool) -> tuple[Difference, ...]:
    """The types of transform of which the two share no algorithm."""
    found: list[Difference] = [("encryption", a.encryption, b.encryption), ("integrity", a.integrity, b.integrity)]
    if esp:
        found.append(("ESN", a.esn or frozenset({"noesn"}), b.esn or frozenset({"noesn"})))
    elif a.prf and b.prf:
        found.append(("PRF", a.prf, b.prf))
    if rekey or not esp:
        none: frozenset[str] = frozenset({"none"}) if esp else frozenset()
        found.append(("key exchange", a.key_exchange or none, b.key_exchange or none))
        found += _list_additional(a, b)
    return tuple((kind, x, y) for kind, x, y in found if (x or y) and not x & y)


def _list_additional(a: Proposal, b: Proposal) -> list[Difference]:
    """Each of the seven additional key exchanges by itself; one that is not named is `none`."""
    found = []
    for number in sorted({name[:4] for name in a.additional | b.additional}):
        x, y = (frozenset(n[4:] for n in side.additional if n[:4] == number) or {"none"} for side in (a, b))
        found.append((f"key exchange {number[2]}", frozenset(x), frozenset(y)))
    return found


def _rank_proposal(proposal: Proposal) -> tuple[int, ...]:
    protects = proposal.encryption or proposal.integrity
    groups = (proposal.key_exchange, protects, proposal.integrity or protects)
    each = [max((_measure_bits(name) for name in group), default=0) for group in groups]
    return (min(each), sum(each))


def _measure_bits(name: str) -> int:
    if name in _STRENGTH:
        return _STRENGTH[name]
    sizes = [int(number) for number in re.findall(r"\d+", name) if int(number) in (128, 192, 256, 384, 512)]
    return min(sizes[0], 256) if sizes else 128
