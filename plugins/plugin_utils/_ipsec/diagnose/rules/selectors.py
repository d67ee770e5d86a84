# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in which traffic the two ends want to protect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...analysis.evidence import build_change, find_installed, locate
from ...model import Child, End, EndName, Fault, Tunnel
from ...swanctl.selectors import (
    collapse_networks,
    list_all_networks,
    list_networks,
    normalize_selector,
    overlap,
    parse_network,
    strip_protocol,
)
from . import rule

IKEV1 = 1  # the version of a connection


@rule("selectors-not-mirrored", "high", reference="RFC 7296 section 2.9", explains=("not-installed", "gave-up"))
def selectors_not_mirrored(tunnel: Tunnel) -> Iterator[Fault]:
    """What one end calls its network is not what the other end calls it: the tunnel fails, or comes up narrowed.

    IKEv2 narrows to what both have, in silence; IKEv1 refuses. The end that owns a network decides what it is
    called, unless its own interfaces say that the peer is right. Where its NAT rules translate what the peer names, the
    peer must name what comes out of them. Other networks that none of its interfaces is near may be translated as
    well, or lie behind another router: then it cannot be known which end is right.
    """
    for owner in tunnel.ends:
        for own, other in tunnel.pairs(owner):
            if _differ(own, other) and not _find_joined_child(tunnel, owner, own, other):
                yield _build_fault(tunnel, owner, own, other)


@rule(
    "children-cut-differently",
    "high",
    reference="RFC 7296 section 2.9; swanctl.conf(5): children",
    explains=("selectors-not-mirrored", "child-unmatched", "child-narrowed", "not-installed"),
)
def children_cut_differently(tunnel: Tunnel) -> Iterator[Fault]:
    """Both ends protect the same networks, one in a child for all and the other in several: some of them come up.

    IKEv2 narrows the one child to what a child of the peer has, in silence. The networks of the one that is up go on.
    Nothing is narrowed for that: the others would be lost.
    """
    if _follows_from_version(tunnel):
        return
    for owner in tunnel.ends:
        for own, other in tunnel.pairs(owner):
            more = _find_joined_child(tunnel, owner, own, other) if _differ(own, other) else None
            if more:
                peer = tunnel.other(owner)
                on, joined, split = more
                yield Fault(
                    on.name(),  # of all its children
                    f"{on.name(joined)} is one child for networks that {tunnel.other(on).gateway.name} has in "
                    f"{', '.join(str(tunnel.other(on).name(child)) for child in split)}",
                    (
                        locate(owner, "local_ts", own),
                        locate(peer, "remote_ts", other),
                        *_describe_installed(owner, own),
                    ),
                    no_fix=f"split {on.name(joined)} into a child for each of them, or put them into one child on "
                    f"{tunnel.other(on).gateway.name}",
                )
                return


@rule("child-unmatched", "medium", reference="RFC 7296 section 2.9")
def child_unmatched(tunnel: Tunnel) -> Iterator[Fault]:
    """A child of one end has no counterpart on the other, though the connections belong together."""
    if _follows_from_version(tunnel):
        return
    for index, end in enumerate(tunnel.ends):
        for pair in tunnel.children:
            child = pair.children[index]
            if child is not None and pair.children[1 - index] is None:
                peer = tunnel.other(end)
                yield Fault(
                    end.name(child),
                    f"{end.name(child)} protects {', '.join(child.local_ts)} to {', '.join(child.remote_ts)}, "
                    f"for which {peer.name()} has no child",
                    (locate(end, "local_ts", child), locate(end, "remote_ts", child)),
                    no_fix=f"add the child on {peer.gateway.name}, or remove it here",
                )


def _follows_from_version(tunnel: Tunnel) -> bool:
    """Whether one end has a child for each network because it speaks IKEv1, and has others with the peer's version."""
    old = [end for end in tunnel.ends if end.connection.version == IKEV1]
    return len(old) == 1 and bool(old[0].connection.native) and len(old[0].connection.children) > 1


def _differ(own: Child, other: Child) -> bool:
    """Whether the peer calls the networks of an end otherwise than it does."""
    ours, theirs = _collapse_networks(own.local_ts), _collapse_networks(other.remote_ts)
    return ours != theirs and not any(text.startswith("dynamic") for text in (*ours, *theirs))


def _find_joined_child(
    tunnel: Tunnel, owner: End, own: Child, other: Child
) -> tuple[End, Child, tuple[Child, ...]] | None:
    """The end that has one child for what the other has in several, that child, and those; None where none has.

    What one end has in addition is then in another child of the other end, and not lost.
    """
    peer = tunnel.other(owner)
    ours, theirs = _collapse_networks(own.local_ts), _collapse_networks(other.remote_ts)
    among_ours = tuple(
        child
        for child in owner.connection.children
        if child is not own and _meet(child.local_ts, theirs - ours) and _meet(child.remote_ts, other.local_ts)
    )
    if among_ours:
        return peer, other, (own, *among_ours)
    among_theirs = tuple(
        child
        for child in peer.connection.children
        if child is not other and _meet(child.remote_ts, ours - theirs) and _meet(child.local_ts, own.remote_ts)
    )
    return (owner, own, (other, *among_theirs)) if among_theirs else None


def _meet(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether two lists of selectors have something in common; not told where one is no network."""
    return overlap(list_networks(some), list_networks(others))


def _describe_installed(end: End, child: Child) -> tuple[str, ...]:
    """The networks that a child is up for."""
    return tuple(
        f"{end.gateway.name}: CHILD_SA {sa.name}{{{sa.id}}} came up with {', '.join(sa.local_ts)} "
        f"to {', '.join(sa.remote_ts)}"
        for sa in find_installed(end, child)
    )


def _build_fault(tunnel: Tunnel, owner: End, own: Child, other: Child) -> Fault:
    peer = tunnel.other(owner)
    ours, theirs = ", ".join(own.local_ts), ", ".join(other.remote_ts)
    shows = not _is_near_interface(owner, own.local_ts)
    real, shown = (other.remote_ts, own.local_ts) if shows else (own.local_ts, other.remote_ts)
    # A rule that names no peer is for the Internet as a rule, unless what comes out of it is all that this tunnel has.
    if rules := _find_nat_rules(owner, real, shown, own.remote_ts, for_any=shows):
        at_peer, here = (peer.name(other), "remote_ts", own.local_ts), (owner.name(own), "local_ts", other.remote_ts)
        return _build_translated_fault(owner, own, peer, other, rules, at_peer if shows else here)
    right = _is_connected(owner, other.remote_ts) and not _is_connected(owner, own.local_ts)
    if right and shows:
        return _build_undecided_fault(owner, peer, own, other)
    if right:
        wrong, child, key, value = owner, own, "local_ts", ",".join(other.remote_ts)
        why = f"an interface of {owner.gateway.name} is in just {theirs}, so change {owner.gateway.name}"
    else:
        wrong, child, key, value = peer, other, "remote_ts", ",".join(own.local_ts)
        why = f"{owner.gateway.name} owns the network, so change {peer.gateway.name}"
    return Fault(
        wrong.name(child),
        f"{owner.name(own)} calls its network {ours}, {peer.name(other)} calls it {theirs}; {why}",
        (locate(owner, "local_ts", own), locate(peer, "remote_ts", other), *_describe_installed(owner, own)),
        (build_change(wrong, key, value, child),),
    )


def _find_nat_rules(
    end: End, real: Iterable[str], shown: Iterable[str], peers: Iterable[str], *, for_any: bool
) -> tuple[str, ...]:
    """The NAT rules by which an end shows these networks as those, to these of its peer; none unless all of them.

    `for_any`: rules count as well that name nobody to whom they do so.
    """
    sources, results = ({parse_network(text) for text in texts} for texts in (real, shown))
    if None in sources | results:  # a range, or a protocol: what is no network is equal to nothing
        return ()
    turned = {}
    for line in end.gateway.system.nat:
        does, *words = line.split() or [""]
        *before, after = map(parse_network, words or [""])
        inwards = does in ("dnat", "rdr")  # it names what is shown first, and what is real last
        ours, theirs = ({after}, set(before)) if inwards else (set(before), {after})
        ours, theirs = ours & sources, theirs & results
        others = [str(each) for each in {*before, after} - ours - theirs if each is not None]
        if len(ours) == len(theirs) == 1 and (_meet(others, peers) if others else for_any):
            turned[next(iter(ours))] = (next(iter(theirs)), line)
    whole = turned.keys() == sources and {found for found, dummy in turned.values()} == results
    return tuple(line for dummy, line in turned.values()) if whole else ()


def _build_translated_fault(  # noqa: PLR0913, PLR0917  both ends with their children, the evidence, the remedy
    owner: End,
    own: Child,
    peer: End,
    other: Child,
    rules: tuple[str, ...],
    change: tuple[EndName, str, tuple[str, ...]],
) -> Fault:
    """Translation before IPsec: both ends must name what comes out of it. `change`: the end that does not, and how."""
    ours, theirs = ", ".join(own.local_ts), ", ".join(other.remote_ts)
    wrong, key, value = change
    return Fault(
        wrong,
        f"{owner.name(own)} calls its network {ours}, {peer.name(other)} calls it {theirs}; {owner.gateway.name} "
        f"translates it before IPsec, so change {wrong.gateway}",
        (
            locate(owner, "local_ts", own),
            locate(peer, "remote_ts", other),
            *(f"{owner.gateway.name}: NAT: {line}" for line in rules),
            *_describe_installed(owner, own),
        ),
        no_fix=f"set {key} = {','.join(value)} on {wrong}, and try it from behind {owner.gateway.name}: no "
        "gateway can test translated traffic with a ping of its own",
        confidence="observed",
    )


def _build_undecided_fault(owner: End, peer: End, own: Child, other: Child) -> Fault:
    """Translation before IPsec, a network behind another router, or a slip: the settings do not tell."""
    ours, theirs = ", ".join(own.local_ts), ", ".join(other.remote_ts)
    return Fault(
        peer.name(other),
        f"{owner.name(own)} calls its network {ours}, {peer.name(other)} calls it {theirs}; "
        f"{owner.gateway.name} has an interface in {theirs} and none near {ours}",
        (locate(owner, "local_ts", own), locate(peer, "remote_ts", other), *_describe_installed(owner, own)),
        no_fix=f"if {owner.gateway.name} translates {theirs} to {ours} (NAT before IPsec; see its NAT rules), or "
        f"{ours} lies behind it, set remote_ts = {','.join(own.local_ts)} on {peer.name(other)}; "
        f"else set local_ts = {','.join(other.remote_ts)} on {owner.name(own)}",
        confidence="inferred",
    )


def _is_near_interface(end: End, selectors: tuple[str, ...]) -> bool:
    """Whether each of these has something in common with the network of an interface."""
    around = [str(network) for network in end.site.networks]
    return all(_meet((strip_protocol(text),), around) for text in selectors)


def _collapse_networks(selectors: tuple[str, ...]) -> frozenset[str]:
    """The selectors in one spelling: two halves of a network are that network, and one that lies in another is none."""
    networks = list_all_networks(selectors)
    return frozenset(map(normalize_selector, selectors) if networks is None else map(str, collapse_networks(networks)))


def _is_connected(end: End, selectors: tuple[str, ...]) -> bool:
    """Whether the gateway has an interface in exactly each of these networks."""
    return all(parse_network(strip_protocol(text)) in end.site.networks for text in selectors)
