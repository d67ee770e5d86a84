"""Proposals as strongSwan writes them (aes256-sha256-x25519), and whether two lists of them can agree.

Source: libstrongswan/crypto/proposal/proposal.c (select_algos, check_proposal) and
proposal_keywords_static.txt. Two proposals agree if they share an algorithm of every type that either
names. `none` is a key exchange that ESP and AH, and the additional exchanges of RFC 9370, may go without.
The first CHILD_SA of IKEv2 skips the key exchange (RFC 7296 section 1.2), so there a PFS mismatch
stays hidden until the first rekey.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

Protocol = Literal["IKE", "ESP", "AH"]
Proposal = Mapping[str, frozenset[str]]  # algorithms by type of transform; every type an offer may need is there
Offer = tuple[Proposal | None, ...]  # None: what it means is not known here

_WORDS: Mapping[str, re.Pattern[str]] = {
    "integrity": re.compile(r"sha1(_160)?|sha256(_96)?|sha384|sha512|md5(_128)?|aesxcbc|camelliaxcbc|aescmac"),
    "PRF": re.compile(r"prf(sha1|sha256|sha384|sha512|md5|aesxcbc|camelliaxcbc|aescmac)"),
    "ESN": re.compile(r"(no)?esn"),
    "encryption": re.compile(
        r"null|des|3des|aes\d+(ctr|gmac|[cg]cm\d+)?|chacha20poly1305(compat)?|camellia\d+(ctr|ccm\d+)?"
        r"|(blowfish|cast|serpent|twofish)\d+"
    ),
    "key exchange": re.compile(
        r"none|modp\d+(s\d+)?|ecp\d+(bp)?|curve25519|curve448|mlkem\d+|(ntru|kyber|ntrup|ntrur|saber|bike|hqc)\d+"
    ),
}
_ADDITIONAL = re.compile(r"ke([1-7])_(.+)")
_AEAD = re.compile(r"aes\d+(gmac|[cg]cm\d+)|chacha20poly1305|camellia\d+ccm\d+")
_ICV = re.compile(r"((?:aes|camellia)\d+[cg]cm)(64|96|128|)")
_OCTETS = {"64": "8", "96": "12", "128": "16", "": "16"}
_ALIASES = {
    "aes": "aes128", "camellia": "camellia128", "blowfish": "blowfish128", "serpent": "serpent128",
    "twofish": "twofish128", "sha": "sha1", "x25519": "curve25519", "x448": "curve448", "modpnone": "none",
}  # fmt: skip

# Bits of security, roughly NIST SP 800-57 part 1 revision 5 table 2: only to tell which of two is weaker.
_STRENGTH = {
    "des": 40, "3des": 100, "null": 0, "md5": 40, "md5_128": 40, "sha1": 80, "sha1_160": 80, "aesxcbc": 110, "aescmac": 110,
    "modp768": 40, "modp1024": 80, "modp1024s160": 80, "modp1536": 90, "modp2048": 112, "modp3072": 128, "modp4096": 140,
    "modp6144": 160, "modp8192": 190, "ecp192": 96, "ecp224": 112, "ecp256": 128, "curve25519": 128, "ecp384": 192,
    "curve448": 224, "ecp512bp": 256, "ecp521": 256, "chacha20poly1305": 256, "none": 0,
}  # fmt: skip

# What `default` is for ESP where it names no key exchange (proposal_create_default, …_default_aead).
_DEFAULT_ESP = ("aes128-aes192-aes256-sha256-sha384-sha512-sha1-aesxcbc", "aes128gcm16-aes192gcm16-aes256gcm16")
_DEFAULT_KNOWN = ((5, 9), (6, 0, 2))  # from 6.0.2 it names every key exchange and none


def offer(texts: Iterable[str], protocol: Protocol, version: tuple[int, ...] = ()) -> Offer:
    """What a list of proposals offers. `default` is known for ESP of the versions 5.9.0 to 6.0.1 only."""
    found: list[Proposal | None] = []
    for text in texts:
        if text.strip().lower() != "default":
            found.append(_parsed(text, protocol))
        elif protocol == "ESP" and _DEFAULT_KNOWN[0] <= version < _DEFAULT_KNOWN[1]:
            found += [_parsed(default, protocol) for default in _DEFAULT_ESP]
        else:
            found.append(None)
    return tuple(found)


def agree(ours: Offer, theirs: Offer, *, key_exchange: bool = True) -> bool | None:
    """Whether two offers have a proposal in common; None where that is left open by what is not known here."""
    known = [(a, b) for a in ours for b in theirs if a is not None and b is not None]
    if any(not _differing(a, b, key_exchange=key_exchange) for a, b in known):
        return True
    return False if ours and theirs and len(known) == len(ours) * len(theirs) else None


def difference(ours: Offer, theirs: Offer) -> str:
    """What keeps the closest two proposals from agreeing, in words: `key exchange modp2048 here, curve25519 there`."""
    known = [(a, b) for a in ours for b in theirs if a is not None and b is not None]
    closest = min((_differing(a, b, key_exchange=True) for a, b in known), key=len, default=())
    return "; ".join(f"{kind} {_told(a)} here, {_told(b)} there" for kind, a, b in closest)


def strength(proposals: Offer) -> tuple[int, ...]:
    """How strong an offer's best proposal is; a larger value is stronger. For telling the weaker of two."""
    return max((_strength(proposal) for proposal in proposals if proposal is not None), default=(0,))


def _parsed(text: str, protocol: Protocol) -> Proposal | None:
    """One proposal; None where a word of it is not known."""
    found: dict[str, set[str]] = {kind: set() for kind in _WORDS}
    for word in text.strip().lower().removesuffix("!").split("-"):
        additional = _ADDITIONAL.fullmatch(word)
        name = _name(additional[2] if additional else word)
        kind = next((kind for kind, pattern in _WORDS.items() if pattern.fullmatch(name)), None)
        if kind is None or (additional and kind != "key exchange"):
            return None
        found.setdefault(f"key exchange {additional[1]}" if additional else kind, set()).add(name)
    return {kind: frozenset(names) for kind, names in _completed(found, protocol).items()}


def _name(word: str) -> str:
    """A word of a proposal in one spelling."""
    name = _ALIASES.get(word, word.replace("sha2_", "sha"))
    icv = _ICV.fullmatch(name)
    return icv[1] + _OCTETS[icv[2]] if icv else name


def _completed(found: dict[str, set[str]], protocol: Protocol) -> dict[str, set[str]]:
    """What strongSwan adds to a proposal and takes from it, by protocol (check_proposal)."""
    encryption, integrity = found["encryption"], found["integrity"]
    if protocol == "AH":
        integrity |= {name for name in encryption if name.endswith("gmac")}
        encryption.clear()
    elif encryption and all(_AEAD.fullmatch(name) for name in encryption):
        if protocol == "IKE" and not found["PRF"]:
            found["PRF"] = {f"prf{name}" for name in integrity}
        integrity.clear()
    if protocol == "IKE":
        found["PRF"] = found["PRF"] or {f"prf{name.partition('_')[0]}" for name in integrity}
        found["key exchange"].discard("none")
        found["ESN"].clear()
    else:
        found["PRF"].clear()
        found["key exchange"] = found["key exchange"] or {"none"}
        found["ESN"] = found["ESN"] or {"noesn"}
    return found


def _differing(a: Proposal, b: Proposal, *, key_exchange: bool) -> tuple[tuple[str, frozenset[str], frozenset[str]], ...]:
    """The types of which they share no algorithm. An additional exchange that is not named is `none`."""
    absent: frozenset[str] = frozenset()
    none = frozenset({"none"})
    found = []
    for kind in sorted({*a, *b}):
        exchange = kind.startswith("key exchange")
        x, y = (side.get(kind, none if exchange else absent) for side in (a, b))
        if (x or y) and not x & y and (key_exchange or not exchange):
            found.append((kind, x, y))
    return tuple(found)


def _told(names: frozenset[str]) -> str:
    return "/".join(sorted(names)) or "none"


def _strength(proposal: Proposal) -> tuple[int, ...]:
    protects = proposal["encryption"] or proposal["integrity"]
    groups = (proposal["key exchange"], protects, proposal["integrity"] or protects)
    each = [max((_bits(name) for name in group), default=0) for group in groups]
    return (min(each), sum(each))


def _bits(name: str) -> int:
    if name in _STRENGTH:
        return _STRENGTH[name]
    sizes = [int(number) for number in re.findall(r"\d+", name) if int(number) in (128, 192, 256, 384, 512)]
    return min(sizes[0], 256) if sizes else 128
