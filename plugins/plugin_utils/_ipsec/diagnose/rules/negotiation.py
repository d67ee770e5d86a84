# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in what the two ends propose to each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from ...analysis.evidence import build_change, locate
from ...model import Child, End, Fault, Tunnel
from ...swanctl import proposals
from ...swanctl.keys import parse_boolean
from . import rule

UNTOLD = ("ike-unanswered", "ike-answer-lost", "connection-unknown", "attempt-failed")  # what a known cause explains
DOWN = ("not-installed", "gave-up", "sa-mismatch", "sa-outdated", "no-traffic", *UNTOLD)
MANY = 50  # connections of a gateway that are asked what is usual there
CHILD_KEYS = {"esp_proposals": "ESP", "ah_proposals": "AH"}
FALLS_BACK = {"transport_proxy": "transport", "iptfs": "tunnel", "beet": "tunnel"}  # where a peer lacks the mode


@rule("ike-proposals-disjoint", "critical", reference="RFC 7296 section 2.7", explains=DOWN)
def ike_proposals_disjoint(tunnel: Tunnel) -> Iterator[Fault]:
    """The two ends share no IKE proposal, so no IKE_SA can be made.

    The responder answers NO_PROPOSAL_CHOSEN; the initiator's log does not say why. The end whose best proposal is
    weaker takes over the other's list; of two equally strong ones, the end that deviates from what is usual on
    its gateway does, else the initiator.
    """
    one, other = (_list_proposals(end, "proposals", None) for end in tunnel.ends)
    if proposals.have_common(one, other) is False:
        yield _build_fault(tunnel, "proposals", (None, None), "no IKE proposal in common")


@rule("esp-proposals-disjoint", "critical", reference="RFC 7296 section 2.7", explains=(*DOWN, "pfs-mismatch"))
def esp_proposals_disjoint(tunnel: Tunnel) -> Iterator[Fault]:
    """The two ends share no ESP (or AH) proposal for a child, so the IKE_SA stands and the CHILD_SA does not.

    The end to change is chosen as for ike-proposals-disjoint. With IKEv1 the key exchange counts from the start.
    """
    counts = all(end.connection.version == 1 for end in tunnel.ends)
    for couple in tunnel.pairs(tunnel.ends[0]):
        for key, protocol in CHILD_KEYS.items():
            if proposals.have_common(*_list_both_proposals(tunnel, key, couple), esp=True, rekey=counts) is False:
                yield _build_fault(tunnel, key, couple, f"no {protocol} proposal in common")


@rule(
    "pfs-mismatch",
    "high",
    reference="RFC 7296 section 1.3.1; strongSwan docs: Expiry and Rekeying",
    explains=("rekey-overdue",),
)
def pfs_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """The two ends agree on ESP but not on the key exchange of a rekey: the tunnel comes up and dies at the first.

    IKEv2's first CHILD_SA takes its keys from the IKE_SA, so the group in `esp_proposals` is only compared when the
    child is rekeyed. The end without a group, or with the weaker one, takes over the other's list. `default` has
    no group from strongSwan 5.9.0 to 6.0.1.
    """
    for couple in tunnel.pairs(tunnel.ends[0]):
        for key in CHILD_KEYS:
            lists = _list_both_proposals(tunnel, key, couple)
            first = proposals.have_common(*lists, esp=True, rekey=False)
            if first and proposals.have_common(*lists, esp=True) is False:
                yield _build_fault(tunnel, key, couple, "PFS differs, which shows at the first rekey")


@rule("ike-version-mismatch", "critical", reference="RFC 7296 section 2.5", explains=(*DOWN, "ike-proposals-disjoint"))
def ike_version_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """One end speaks only IKEv1, the other only IKEv2 or initiates only that. The IKEv1 end moves to IKEv2.

    `version = 0` answers both and initiates IKEv2: an IKEv1 end that never initiates cannot meet it.
    """
    for end in tunnel.ends:
        peer = tunnel.other(end)
        answers = end is tunnel.answering and all(own.start_action == "none" for own, dummy in tunnel.pairs(end))
        if end.connection.version == 1 and (peer.connection.version == 2 or (peer.connection.version == 0 and answers)):  # noqa: PLR2004
            speaks = "IKEv2 only" if peer.connection.version else "initiates IKEv2"
            yield Fault(
                end.name(),
                f"{end.name()} speaks IKEv1 only, {peer.name()} {speaks}",
                (locate(end, "version"), locate(peer, "version")),
                (build_change(end, "version", "2"),),
            )


@rule("auth-method-mismatch", "critical", reference="RFC 7296 section 2.15", explains=DOWN)
def auth_method_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """One end authenticates by another method than its peer expects, such as a certificate instead of a key."""
    for end in tunnel.ends:
        peer = tunnel.other(end)
        if end.connection.local and peer.connection.remote:
            ours, theirs = end.connection.local[0], peer.connection.remote[0]
            if theirs.method != "any" and _classify_method(ours.method) != _classify_method(theirs.method):
                yield Fault(
                    end.name(),
                    f"{end.name()} authenticates by {ours.method}, {peer.name()} expects {theirs.method}",
                    (locate(end, f"{ours.section}.auth"), locate(peer, f"{theirs.section}.auth")),
                    no_fix="which method is right is yours to decide; declare it in the tunnel's settings",
                )


@rule(
    "esp-truncation-differs",
    "high",
    reference="RFC 4868 section 2.6; swanctl.conf(5): sha256_96",
    explains=("no-traffic", "nat-traversal-needed", "esp-in-udp-lost"),
)
def esp_truncation_differs(tunnel: Tunnel) -> Iterator[Fault]:
    """One end cuts HMAC-SHA-256 to 96 bits and the other to 128: both are up, and each drops all that arrives.

    The length is not negotiated, so no log says it. The tunnel's counters stand still at the receiver, as if the path
    lost the packets. `sha256_96 = yes` is for peers that cut it so.
    """
    first, second = tunnel.ends
    for ours, theirs in tunnel.pairs(first):
        cut = [parse_boolean(child.settings["sha256_96"].value) is True if "sha256_96" in child.settings else False
               for child in (ours, theirs)]  # fmt: skip
        names = " ".join((*ours.esp_proposals, *theirs.esp_proposals)).lower()
        if cut[0] != cut[1] and ("sha256" in names or "sha2_256" in names or "default" in names):
            end, child = (first, ours) if cut[0] else (second, theirs)
            yield Fault(
                end.name(child),
                f"{end.name(child)} cuts HMAC-SHA-256 to 96 bits, {tunnel.other(end).name()} does not",
                (locate(first, "sha256_96", ours), locate(second, "sha256_96", theirs)),
                no_fix=f"remove sha256_96 on {end.gateway.name}, or set it on both ends if the other end needs it",
            )


@rule("mode-mismatch", "high", reference="RFC 7296 section 1.3.1", explains=DOWN)
def mode_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """One end wants tunnel mode and the other transport mode for the same child."""
    first, second = tunnel.ends
    for ours, theirs in tunnel.pairs(first):
        if FALLS_BACK.get(ours.mode, ours.mode) != FALLS_BACK.get(theirs.mode, theirs.mode):
            yield Fault(
                first.name(ours),
                f"{first.name(ours)} uses mode {ours.mode}, {second.name(theirs)} mode {theirs.mode}",
                (locate(first, "mode", ours), locate(second, "mode", theirs)),
                no_fix="which mode is right depends on what the tunnel is for; declare it in the tunnel's settings",
            )


def _classify_method(method: str) -> str:
    """The kind of an authentication: `rsa-3072`, `ecdsa` and `ike:ed25519` are constraints on pubkey (auth_cfg.c)."""
    kind = method.partition("-")[0]
    return kind if kind in ("psk", "eap", "xauth") else "pubkey"


def _list_both_proposals(
    tunnel: Tunnel, key: str, couple: tuple[Child | None, Child | None]
) -> tuple[tuple[str, ...], ...]:
    """What the two ends propose, in their order; `default` spelled out where it is known.

    Nothing of an end that has it in no file: `--list-conns` shows no proposals.
    """
    both = zip(tunnel.ends, couple, strict=True)
    texts = ((end, _list_proposals(end, key, child)) for end, child in both)
    return tuple(proposals.expand_default(t, end.gateway.version) if key == "esp_proposals" else t for end, t in texts)


def _list_proposals(end: End, key: str, child: Child | None) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(child if child is not None else end.connection, key)
    return found if end.connection.configured else ()


def _build_fault(tunnel: Tunnel, key: str, couple: tuple[Child | None, Child | None], what: str) -> Fault:
    esp, lists = key != "proposals", _list_both_proposals(tunnel, key, couple)
    index, why = _choose_deviating_end(tunnel, key, couple, lists)
    end, peer = tunnel.ends[index], tunnel.ends[1 - index]
    child, other = couple[index], couple[1 - index]
    proposed, offered = (_list_proposals(e, key, c) for e, c in ((end, child), (peer, other)))
    wanted = [text for text in offered if not proposals.is_weaker(text, proposed)] or offered
    return Fault(
        end.name(child),
        f"{end.name(child)} proposes {','.join(proposed)}, {peer.name(other)} {','.join(offered)}: {what} "
        f"({proposals.describe_difference(lists[index], lists[1 - index], esp=esp)}); "
        f"change {end.gateway.name}: {why}",
        (locate(end, key, child), locate(peer, key, other)),
        (build_change(end, key, ",".join(wanted), child),),
    )


def _choose_deviating_end(
    tunnel: Tunnel, key: str, couple: tuple[Child | None, Child | None], lists: tuple[tuple[str, ...], ...]
) -> tuple[int, str]:
    """Which end is to change, and why."""
    strong = [proposals.measure_strength(each) for each in lists]
    if strong[0] != strong[1]:
        return strong.index(min(strong)), "its proposal is the weaker one"
    proposed = [_list_proposals(end, key, child) for end, child in zip(tunnel.ends, couple, strict=True)]
    odd = [
        _count_alike(tunnel.ends[i], key, proposed[1 - i]) - _count_alike(tunnel.ends[i], key, proposed[i])
        for i in (0, 1)
    ]
    if odd[0] != odd[1]:
        return odd.index(max(odd)), "both are equally strong and its other connections propose what its peer does"
    return tunnel.ends.index(tunnel.initiating), "both are equally strong and it initiates"


def _count_alike(end: End, key: str, proposed: Iterable[str]) -> int:
    """How many other connections of the gateway propose this."""
    others = (c for c in islice(end.gateway.connections, MANY) if c.name != end.connection.name)
    if key == "proposals":
        return sum(c.proposals == proposed for c in others)
    return sum(any(getattr(child, key) == proposed for child in c.children) for c in others)
