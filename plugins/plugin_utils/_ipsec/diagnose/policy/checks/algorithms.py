# SPDX-License-Identifier: GPL-3.0-or-later
"""What is offered and what is used: encryption, integrity, PRF, key exchange."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....analysis.evidence import find_installed, locate
from ....model import Child, ChildSa, End, Fault, IkeSa, Tunnel
from ....swanctl import proposals
from ..profile import PolicyRule
from ..strength import measure_strength
from . import check

_LIVE = {"encryption": "encr", "integrity": "integ", "prf": "prf", "key_exchange": "dh_group"}  # of an SA
_Offer = tuple[Child | None, str, tuple[str, ...]]


@check("ike-encryption-weak")
def ike_encryption(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """An end offers, or its IKE_SA uses, encryption that the policy does not take.

    What is merely offered counts: whoever can talk an end into it, such as a peer that offers nothing else, gets it.
    """
    yield from _check_ike(tunnel, demand, "encryption")


@check("ike-integrity-weak")
def ike_integrity(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """An end offers, or its IKE_SA uses, an integrity algorithm that the policy does not take.

    AEAD encryption such as AES-GCM has none of its own, and what a proposal names besides is ignored.
    """
    yield from _check_ike(tunnel, demand, "integrity")


@check("ike-prf-weak")
def ike_prf(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """An end offers, or its IKE_SA uses, a pseudo-random function that the policy does not take.

    Where a proposal names none, strongSwan takes it from the integrity algorithms.
    """
    yield from _check_ike(tunnel, demand, "prf")


@check("ike-key-exchange-weak")
def ike_key_exchange(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """An end offers, or its IKE_SA used, a Diffie-Hellman group that the policy does not take.

    Groups are compared by their strength in bits, not by their numbers: groups 22 to 24 are weaker than group 14, and
    group 19 is stronger than it.
    """
    yield from _check_ike(tunnel, demand, "key_exchange")


@check("esp-encryption-weak")
def esp_encryption(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """A child offers, or its CHILD_SA uses, encryption that the policy does not take, or none."""
    yield from _check_esp(tunnel, demand, "encryption")


@check("esp-integrity-weak")
def esp_integrity(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """A child offers, or its CHILD_SA uses, an integrity algorithm that the policy does not take.

    `default` offers SHA-1 too, which few know.
    """
    yield from _check_esp(tunnel, demand, "integrity")


@check("esp-key-exchange-weak")
def esp_key_exchange(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """A child offers, or its last rekey used, a Diffie-Hellman group that the policy does not take.

    A child without any group is the matter of `pfs-absent`.
    """
    yield from _check_esp(tunnel, demand, "key_exchange")


@check("pfs-absent")
def pfs(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """A child may be rekeyed without a Diffie-Hellman exchange: who learns one key then learns all that follow.

    That is so where a proposal names no group, or `none` among them. `default` is such a list in every version of
    strongSwan: without a group before 6.0.2, and with `none` among them since. The first CHILD_SA of an IKE_SA always
    uses the exchange of the IKE_SA itself (RFC 7296 section 1.2), so a live SA does not show it before its first rekey.
    """
    for end, child, key, texts in _list_child_proposals(tunnel):
        without = [text for text in texts if _lacks_pfs(text)]
        if without and key == "esp_proposals":
            yield Fault(
                end.name(child),
                f"{end.name(child)} may be rekeyed without PFS: {', '.join(without)}",
                (locate(end, key, child),),
                no_fix=f"give each proposal of {key} a group such as ecp384, on both ends; {_HOW}",
            )


@check("post-quantum-absent")
def post_quantum(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """An end offers an IKE proposal without the additional key exchange (RFC 9370) that the policy asks for.

    What is recorded today can be read when a quantum computer breaks the Diffie-Hellman exchange alone.
    """
    for end in tunnel.ends:
        texts = end.connection.proposals if end.connection.configured else ()
        known = [(text, proposal) for text in texts if (proposal := proposals.parse(text)) is not None]
        without = [
            text
            for text, proposal in known
            if not {name.partition("_")[2] for name in proposal.additional} & set(demand.allowed)
        ]
        if without:
            yield Fault(
                end.name(),
                f"{end.name()} offers {', '.join(without)}, and not {' or '.join(demand.allowed)} besides",
                (locate(end, "proposals"),),
                no_fix=f"add ke1_{demand.allowed[0]} to each proposal, on both ends; it needs strongSwan 6.0. {_HOW}",
            )


@check("proposals-default")
def default(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """An end leaves its proposals to strongSwan's default, so what it offers changes with an update.

    A default that is not known is not judged; spelled out, it can be.
    """
    for end, child, key, texts in (*_list_ike_proposals(tunnel), *_list_child_proposals(tunnel)):
        if "default" in [text.strip().lower() for text in texts]:
            yield Fault(
                end.name(child),
                f"{end.name(child)} offers strongSwan's default {key}, whatever the version makes of it",
                (locate(end, key, child),),
                no_fix=f"spell {key} out, on both ends; {_HOW}",
            )


_HOW = "the role remediate does so without a break, by ipsec_policy_target or by what you declare in ipsec_tunnels"


def _check_ike(tunnel: Tunnel, demand: PolicyRule, kind: str) -> Iterator[Fault]:
    for end, child, key, texts in _list_ike_proposals(tunnel):
        sas = [sa for sa in end.sas if sa.state == "ESTABLISHED"]
        yield from _judge_offer(end, (child, key, texts), sas, demand, kind)


def _check_esp(tunnel: Tunnel, demand: PolicyRule, kind: str) -> Iterator[Fault]:
    for end, child, key, texts in _list_child_proposals(tunnel):
        protocol = key.partition("_")[0].upper()
        sas = [sa for sa in find_installed(end, child) if sa.protocol == protocol]
        spelled = proposals.expand_default(texts, end.gateway.version)
        yield from _judge_offer(end, (child, key, spelled), sas, demand, kind)


def _judge_offer(
    end: End, offer: _Offer, sas: Iterable[IkeSa | ChildSa], demand: PolicyRule, kind: str
) -> Iterator[Fault]:
    """One fault for all that an end offers and uses of one kind."""
    child, key, texts = offer
    parsed = (proposals.parse(text) for text in texts)
    offered = {word for each in parsed if each is not None for word in getattr(each, kind)}
    in_use = {str(name): proposals.format_proposal(str(name)) for sa in sas if (name := getattr(sa, _LIVE[kind], None))}
    weak = sorted(word for word in offered if find_refused(word, demand))
    used = sorted(name for name, word in in_use.items() if word is not None and find_refused(word, demand))
    if not weak and not used:
        return
    said = [f"offers {', '.join(weak)}" if weak else "", f"uses {', '.join(used)}" if used else ""]
    yield Fault(
        end.name(child),
        f"{end.name(child)} {' and '.join(filter(None, said))} for {_AT[key]} {_WORDS.get(kind, kind)}",
        (locate(end, key, child), *(f"{end.gateway.name}: live SA uses {name}" for name in used)),
        no_fix=f"take {', '.join(weak)} out of {key}, on both ends; {_HOW}"
        if weak
        else "re-initiate it: the live SA is older than its configuration (see sa-outdated)",
        confidence="certain" if weak else "observed",
    )


_WORDS = {"prf": "PRF", "key_exchange": "key exchange"}
_AT = {"proposals": "IKE", "esp_proposals": "ESP", "ah_proposals": "AH"}


def find_refused(word: str, demand: PolicyRule) -> bool:
    """Whether a demand does not take an algorithm; one whose strength is not known passes `at_least`."""
    if word == "none":
        return False  # no group at all: pfs-absent
    if word in demand.forbidden or (demand.allowed and word not in demand.allowed):
        return True
    strength = measure_strength(word)
    return demand.at_least is not None and strength is not None and strength < demand.at_least


def _lacks_pfs(text: str) -> bool:
    if text.strip().lower() == "default":
        return True
    proposal = proposals.parse(text)
    return proposal is not None and (not proposal.key_exchange or "none" in proposal.key_exchange)


def _list_ike_proposals(tunnel: Tunnel) -> Iterator[tuple[End, Child | None, str, tuple[str, ...]]]:
    for end in tunnel.ends:
        yield end, None, "proposals", end.connection.proposals if end.connection.configured else ()


def _list_child_proposals(tunnel: Tunnel) -> Iterator[tuple[End, Child | None, str, tuple[str, ...]]]:
    """Each child of both ends that has a peer's: children that only one end has are no tunnel."""
    for end in tunnel.ends:
        for child, dummy in tunnel.pairs(end):
            for key in ("esp_proposals", "ah_proposals"):
                if texts := getattr(child, key):
                    yield end, child, key, texts if child.configured else ()
