"""Faults in what the two ends propose to each other."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Child, End, Fault, Tunnel
from ..swanctl import proposals
from . import rule
from .evidence import change, place

DOWN = ("not-installed", "sa-mismatch", "no-traffic")


@rule("ike-proposals-disjoint", "critical", reference="RFC 7296 section 2.7", explains=DOWN)
def ike_proposals_disjoint(tunnel: Tunnel) -> Iterator[Fault]:
    """The two ends share no IKE proposal, so no IKE_SA can be made.

    The responder answers NO_PROPOSAL_CHOSEN; the initiator's log does not say why. The end whose best proposal
    is weaker takes over the other's list; of two equally strong ones, the initiator does.
    """
    one, other = (end.connection.proposals for end in tunnel.ends)
    if proposals.agree(one, other) is False:
        end = _weaker(tunnel, one, other)
        peer = tunnel.other(end)
        ours, theirs = end.connection.proposals, peer.connection.proposals
        wanted = ",".join(theirs)
        yield Fault(
            end.name(),
            f"{end.name()} proposes {','.join(ours)}, {peer.name()} {wanted}: no IKE proposal in common "
            f"({proposals.difference(ours, theirs)}); {_why(end, ours, theirs)}",
            (place(end, "proposals"), place(peer, "proposals")),
            (change(end, "proposals", wanted),),
        )


@rule("esp-proposals-disjoint", "critical", reference="RFC 7296 section 2.7", explains=(*DOWN, "pfs-mismatch"))
def esp_proposals_disjoint(tunnel: Tunnel) -> Iterator[Fault]:
    """The two ends share no ESP proposal for a child, so the IKE_SA stands and the CHILD_SA does not.

    The end whose best proposal is weaker takes over the other's list; of two equally strong ones, the initiator does.
    """
    for ours, theirs in tunnel.pairs(tunnel.ends[0]):
        if proposals.agree(ours.esp_proposals, theirs.esp_proposals, esp=True, rekey=False) is False:
            yield _esp(tunnel, ours, theirs, "no ESP proposal in common")


@rule("pfs-mismatch", "high", reference="RFC 7296 section 1.3.1; strongSwan docs: Expiry and Rekeying")
def pfs_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """The two ends agree on ESP but not on the key exchange of a rekey: the tunnel comes up and dies later.

    IKEv2's first CHILD_SA takes its keys from the IKE_SA, so the group in `esp_proposals` is only compared when the
    child is rekeyed. The end without a group, or with the weaker one, takes over the other's list.
    """
    for ours, theirs in tunnel.pairs(tunnel.ends[0]):
        rekeys = proposals.agree(ours.esp_proposals, theirs.esp_proposals, esp=True)
        first = proposals.agree(ours.esp_proposals, theirs.esp_proposals, esp=True, rekey=False)
        if first and rekeys is False:
            yield _esp(tunnel, ours, theirs, "PFS differs, which shows at the first rekey")


@rule("ike-version-mismatch", "critical", reference="RFC 7296 section 2.5", explains=(*DOWN, "ike-proposals-disjoint"))
def ike_version_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """One end speaks only IKEv1, the other only IKEv2. The IKEv1 end moves to IKEv2."""
    versions = {end.connection.version for end in tunnel.ends}
    if versions == {1, 2}:
        end = tunnel.ends[0] if tunnel.ends[0].connection.version == 1 else tunnel.ends[1]
        peer = tunnel.other(end)
        yield Fault(
            end.name(),
            f"{end.name()} speaks IKEv1 only, {peer.name()} IKEv2 only",
            (place(end, "version"), place(peer, "version")),
            (change(end, "version", "2"),),
        )


@rule("auth-method-mismatch", "critical", reference="RFC 7296 section 2.15", explains=DOWN)
def auth_method_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """One end authenticates by another method than its peer expects, such as a certificate instead of a key."""
    for end in tunnel.ends:
        peer = tunnel.other(end)
        if end.connection.local and peer.connection.remote:
            ours, theirs = end.connection.local[0], peer.connection.remote[0]
            if ours.method.split("-")[0] != theirs.method.split("-")[0] and theirs.method != "any":
                yield Fault(
                    end.name(),
                    f"{end.name()} authenticates by {ours.method}, {peer.name()} expects {theirs.method}",
                    (place(end, f"{ours.section}.auth"), place(peer, f"{theirs.section}.auth")),
                    no_fix="which method is right is yours to decide; declare it in the tunnel's settings",
                )


@rule("mode-mismatch", "high", reference="RFC 7296 section 1.3.1", explains=DOWN)
def mode_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """One end wants tunnel mode and the other transport mode for the same child."""
    first, second = tunnel.ends
    for ours, theirs in tunnel.pairs(first):
        if ours.mode != theirs.mode:
            yield Fault(
                first.name(ours),
                f"{first.name(ours)} uses mode {ours.mode}, {second.name(theirs)} mode {theirs.mode}",
                (place(first, "mode", ours), place(second, "mode", theirs)),
                no_fix="which mode is right depends on what the tunnel is for; declare it in the tunnel's settings",
            )


def _esp(tunnel: Tunnel, ours: Child, theirs: Child, what: str) -> Fault:
    end = _weaker(tunnel, ours.esp_proposals, theirs.esp_proposals)
    peer = tunnel.other(end)
    own, other = (ours, theirs) if end is tunnel.ends[0] else (theirs, ours)
    wanted = ",".join(other.esp_proposals)
    return Fault(
        end.name(own),
        f"{end.name(own)} proposes {','.join(own.esp_proposals)}, {peer.name(other)} {wanted}: {what} "
        f"({proposals.difference(own.esp_proposals, other.esp_proposals, esp=True)}); "
        f"{_why(end, own.esp_proposals, other.esp_proposals)}",
        (place(end, "esp_proposals", own), place(peer, "esp_proposals", other)),
        (change(end, "esp_proposals", wanted, own),),
    )


def _weaker(tunnel: Tunnel, one: tuple[str, ...], other: tuple[str, ...]) -> End:
    """The end to change: the weaker one; the initiator where neither is."""
    ours, theirs = proposals.strength(one), proposals.strength(other)
    if ours == theirs:
        return tunnel.initiating
    return tunnel.ends[0] if ours < theirs else tunnel.ends[1]


def _why(end: End, ours: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    """Why this end is the one to change."""
    equal = proposals.strength(ours) == proposals.strength(theirs)
    reason = "both are equally strong and it initiates" if equal else "its proposal is the weaker one"
    return f"{end.gateway.name} is to change, because {reason}"
